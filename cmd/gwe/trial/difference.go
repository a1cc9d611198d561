package trial

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// difference tells how a tree differs from another one, path by path; nothing where it does not.
func difference(was, is tree) []string {
	var findings []string
	for _, path := range paths(was, is) {
		findings = append(findings, changed(path, was, is)...)
	}
	return findings
}

// changed tells how one path differs between two trees.
func changed(path string, was, is tree) []string {
	before, there := was[path]
	after, still := is[path]
	switch {
	case !there && !still:
		return nil
	case !there:
		if parentIsNew(path, was, is) {
			return nil // the directory above it says enough
		}
		return []string{fmt.Sprintf("%s is there now: %s", path, after)}
	case !still:
		if parentIsNew(path, is, was) {
			return nil
		}
		return []string{fmt.Sprintf("%s is gone: it was %s", path, before)}
	}
	return compare(path, before, after)
}

// parentIsNew reports whether the directory of a path is in one tree and not in the other.
func parentIsNew(path string, without, with tree) bool {
	parent := path[:max(strings.LastIndexByte(path, '/'), 1)]
	_, has := with[parent]
	_, had := without[parent]
	return has && !had
}

func compare(path string, was, is entry) []string {
	if was.Kind != is.Kind {
		return []string{fmt.Sprintf("%s is %s, and was %s", path, is, was)}
	}
	var findings []string
	if was.Mode != is.Mode {
		findings = append(findings, fmt.Sprintf("%s has mode %04o, and had %04o", path, is.Mode, was.Mode))
	}
	if was.UID != is.UID || was.GID != is.GID {
		findings = append(findings, fmt.Sprintf("%s belongs to %d:%d, and did to %d:%d", path, is.UID, is.GID, was.UID, was.GID))
	}
	if was.Target != is.Target {
		findings = append(findings, fmt.Sprintf("%s points to %s, and did to %s", path, is.Target, was.Target))
	}
	if was.Digest != is.Digest {
		findings = append(findings, fmt.Sprintf("%s has another content%s", path, contents(was.Content, is.Content)))
	}
	if was.Same != is.Same {
		findings = append(findings, fmt.Sprintf("%s is %s, and was %s", path, sameness(is.Same), sameness(was.Same)))
	}
	return findings
}

func sameness(first string) string {
	if first == "" {
		return "a file of its own"
	}
	return "the same file as " + first
}

// contents shows the lines in which two contents differ, where both are known.
func contents(was, is *string) string {
	if was == nil || is == nil {
		return ""
	}
	return ":" + strings.ReplaceAll("\n"+lineDifference(*was, *is), "\n", "\n  ")
}

// paths lists the paths of both trees, sorted, a directory above what is in it.
func paths(a, b tree) []string {
	all := maps.Clone(a)
	if all == nil {
		all = tree{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// without gives the tree without what lies at or below those paths.
func (t tree) without(ignored []string) tree {
	left := tree{}
	for path, one := range t {
		if !slices.ContainsFunc(ignored, func(root string) bool { return below(path, root) }) {
			left[path] = one
		}
	}
	return left
}

// settled gives the tree without what gwe keeps beside it, under names of its own, for the undo by hand of a
// run that has committed. Of a run that has not, such a name would be a leftover.
func (t tree) settled() tree {
	left := tree{}
	for path, one := range t {
		if !strings.Contains(path, "/.gwe-") {
			left[path] = one
		}
	}
	return left
}

// apart gives the tree without what hard links say: another path may share a file that itself has not
// changed.
func (t tree) apart() tree {
	all := tree{}
	for path, one := range t {
		one.Same = ""
		all[path] = one
	}
	return all
}

// below reports whether a path is a root or lies below it.
func below(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}
