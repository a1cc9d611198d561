package bundle

import (
	"path"
	"slices"
	"strings"
)

// Pattern names files of a tree as a shell does: *, ? and [a-z], none of which matches a slash. One without a
// slash names files and directories of that name anywhere; one with a slash is a path from the top of the
// tree, and begins with one here.
type Pattern string

// ParsePattern reads a pattern; ok is false where it is none.
func ParsePattern(text string) (pattern Pattern, ok bool) {
	if _, err := path.Match(text, "x"); err != nil || strings.Trim(text, "/") == "" {
		return "", false
	}
	anchored := strings.Contains(strings.TrimSuffix(text, "/"), "/")
	text = strings.Trim(strings.TrimPrefix(text, "./"), "/")
	if anchored {
		text = "/" + text
	}
	return Pattern(text), true
}

// Match reports whether the pattern names this path, which is relative to the top of the tree.
func (p Pattern) Match(name string) bool {
	subject := path.Base(name)
	if strings.HasPrefix(string(p), "/") {
		subject = "/" + name
	}
	matched, _ := path.Match(string(p), subject)
	return matched
}

// patterns are what is not packed.
type patterns []Pattern

// versionControl is never packed.
var versionControl = patterns{".git", ".svn", ".bzr"}

func parsePatterns(given []string) (patterns, error) {
	all := append(patterns{}, versionControl...)
	for _, one := range given {
		pattern, ok := ParsePattern(one)
		if !ok {
			return nil, refuse("pack-pattern", "%q is not a pattern for file names", one).
				WithHint("write *.map, or doc/*, for example")
		}
		all = append(all, pattern)
	}
	return all, nil
}

// match reports whether a pattern names this path; the directories above it were looked at before.
func (p patterns) match(name string) bool {
	return slices.ContainsFunc(p, func(pattern Pattern) bool { return pattern.Match(name) })
}
