package archive

import (
	"slices"
	"strings"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/fault"
)

const (
	// copyList is the file of a package that names its own files to copy, one pattern a line.
	copyList = ".gwe/copy"
	// longestCopyList and mostPatterns bound what a package can make every one of its files be compared with.
	longestCopyList = 64 << 10
	mostPatterns    = 1000
)

// selection is which part of an archive becomes the tree.
type selection struct {
	// strip is how many leading parts of each path are taken off, as tar --strip-components has it: what lies
	// above is left out.
	strip int
	// include, where there are any, name all that is taken; exclude name what is not, though include names
	// it.
	include, exclude patterns
}

// selects reports whether a path of the tree is taken. The tree's own directory is.
func (s selection) selects(parts []string) bool {
	if len(parts) == 0 {
		return true
	}
	return !s.exclude.match(parts) && (len(s.include) == 0 || s.include.match(parts))
}

// patterns name files of a release; one that names a directory names all that is in it.
type patterns []bundle.Pattern

func parsePatterns(list []string) (patterns, error) {
	var result patterns
	for _, one := range list {
		pattern, ok := bundle.ParsePattern(one)
		if !ok {
			return nil, fault.New(fault.Failed, "copy-pattern", "%q is not a pattern for file names", one).
				WithHint("write *.db, or etc/state/*, for example")
		}
		result = append(result, pattern)
	}
	if len(result) > mostPatterns {
		return nil, fault.New(fault.Failed, "copy-pattern", "there are more than %d patterns of files to copy", mostPatterns)
	}
	return result, nil
}

// parseCopyList reads the package's own list: a pattern a line, empty lines and those that start with #
// apart.
func parseCopyList(text string) (patterns, error) {
	var list []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return parsePatterns(list)
}

// match reports whether a pattern names the path or a directory above it.
func (p patterns) match(parts []string) bool {
	if len(p) == 0 {
		return false
	}
	for i := range parts {
		name := strings.Join(parts[:i+1], "/")
		if slices.ContainsFunc(p, func(pattern bundle.Pattern) bool { return pattern.Match(name) }) {
			return true
		}
	}
	return false
}

// with gives the patterns of both lists, and whether there are new ones among the others.
func (p patterns) with(more patterns) (both patterns, grown bool) {
	both = slices.Clone(p)
	for _, one := range more {
		if !slices.Contains(both, one) {
			both, grown = append(both, one), true
		}
	}
	return both, grown
}
