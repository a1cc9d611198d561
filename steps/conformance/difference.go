package conformance

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// exactness says what a comparison looks at beside names, kinds, contents, modes, owners, attributes and link
// targets.
type exactness struct {
	// inodes compares inode numbers and change times too: nothing was touched at all.
	inodes bool
	// anyTimes leaves modification times out: two runs of the same step are compared.
	anyTimes bool
	// anyLinks leaves the numbers of hard links out: links from outside may have come or gone.
	anyLinks bool
	// loose are the directories whose own modification time may differ.
	loose map[string]bool
	// untimed are files whose times may differ, with the reasons: see Case.
	untimed map[string]string
	// varied are files whose content may differ between two runs, where anyTimes is set.
	varied map[string]string
}

// finding is one way in which a name differs.
type finding struct{ name, text string }

func (f finding) String() string { return f.name + ": " + f.text }

// difference tells how b differs from a; nothing where they are the same.
func difference(a, b tree, exact exactness) []finding {
	var findings []finding
	for _, name := range names(a, b) {
		was, before := a[name]
		is, after := b[name]
		switch {
		case !before:
			findings = append(findings, finding{name, "is there, and was not before"})
		case !after:
			findings = append(findings, finding{name, "is gone"})
		default:
			_, untimed := exact.untimed[name]
			if _, varied := exact.varied[name]; varied && exact.anyTimes {
				is.size, is.digest = was.size, was.digest
			}
			for _, text := range compare(was, is, exact, untimed, exact.loose[name]) {
				findings = append(findings, finding{name, text})
			}
		}
	}
	return findings
}

func compare(was, is entry, exact exactness, untimed, loose bool) []string {
	var findings []string
	differs := func(what string, was, is any) {
		if was != is {
			findings = append(findings, fmt.Sprintf("%s is %v, was %v", what, is, was))
		}
	}
	directory := was.mode.IsDir() && is.mode.IsDir()
	differs("mode", was.mode, is.mode)
	differs("owner", fmt.Sprint(was.uid, ":", was.gid), fmt.Sprint(is.uid, ":", is.gid))
	differs("device number", was.device, is.device)
	differs("size", was.size, is.size)
	differs("content", was.digest, is.digest)
	differs("link target", was.target, is.target)
	differs("extended attributes", was.xattrs, is.xattrs)
	differs("the first name of the same file", was.group, is.group)
	if !exact.anyLinks && !directory {
		differs("number of hard links", was.links, is.links)
	}
	if !exact.anyTimes && !untimed && !(directory && loose) {
		differs("modification time", clock(was.modified), clock(is.modified))
	}
	if exact.inodes {
		differs("inode", was.inode, is.inode)
		if !untimed {
			differs("change time", clock(was.changed), clock(is.changed))
		}
	}
	return findings
}

// clock shows a time to the nanosecond.
func clock(at syscall.Timespec) string { return time.Unix(at.Unix()).UTC().Format(time.RFC3339Nano) }

// worked gives the directories of which an entry was made, removed or replaced between a and b.
func worked(a, b tree) map[string]bool {
	found := map[string]bool{}
	for _, name := range names(a, b) {
		if name != "." && a[name].inode != b[name].inode {
			found[filepath.Dir(name)] = true
		}
	}
	return found
}

// names lists the names of both trees, sorted.
func names(a, b tree) []string {
	all := make([]string, 0, len(a)+len(b))
	for name := range a {
		all = append(all, name)
	}
	for name := range b {
		if _, known := a[name]; !known {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
