package durable

import (
	"path"
	"strings"
)

// OwnPatterns are the names that gwe gives to what lies beside or in what it changes until its undo, or the
// order of releases, needs it no more. They are patterns of path.Match, and of rsync. A name that only starts
// with Prefix is not gwe's.
func OwnPatterns() []string {
	digits := func(count int) string { return strings.Repeat("[0-9]", count) }
	return []string{
		Prefix + "*" + digits(8) + "-" + digits(6) + "." + digits(3) + "*", // the id of a run is in it
		Releases,
		Prefix + "trash-" + strings.Repeat("[A-Z2-7]", 26),
		Prefix + "unfinished-*",
		Prefix + strings.Repeat("[0-9a-f]", 16), // of plugins
	}
}

// IsOwn reports whether a name has the whole form of one that gwe gives.
func IsOwn(name string) bool {
	if !strings.HasPrefix(name, Prefix) {
		return false
	}
	for _, pattern := range OwnPatterns() {
		if is, err := path.Match(pattern, name); err == nil && is {
			return true
		}
	}
	return false
}
