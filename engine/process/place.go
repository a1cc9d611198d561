package process

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// PlaceVariable is the environment variable by which the processes of a run are known, each with the part of
// the run that it works for: PlaceVariable=RUN/PLACE. Programs that have it live in control groups named by
// it.
const PlaceVariable = "GWE_PROCESS"

// beginning is how the names of the control groups begin whose programs have this mark; "" where they live in
// none.
func beginning(mark string) string {
	value, found := strings.CutPrefix(mark, PlaceVariable+"=")
	run, place, whole := strings.Cut(value, "/")
	if !found || !whole || run == "" || place == "" || strings.ContainsAny(value, "\n:") || strings.Contains(place, "/") {
		return ""
	}
	return beginningOfRun(run) + place + ":"
}

// beginningOfRun is how the names of all control groups of a run begin.
func beginningOfRun(run string) string { return "gwe-" + run + ":" }

// settle makes the control group that a command is to live in, below gwe's own, so that who ends or limits
// gwe's does the same to it; "" where there is no place, or none can be made: then the process group has to
// do.
func settle(environment []string, own string) cgroup {
	begin := beginning(PlaceVariable + "=" + variable(environment, PlaceVariable))
	if begin == "" {
		return ""
	}
	return ownCgroup().make(begin + own)
}

// Cgroup is the directory of the control group below which gwe makes those of programs; "" where it can make
// none.
func Cgroup() string {
	own := ownCgroup()
	if own == "" || unix.Faccessat(unix.AT_FDCWD, string(own), unix.W_OK, unix.AT_EACCESS) != nil {
		return ""
	}
	return string(own)
}

// Release takes away the control groups of a run, whose programs this process started. What they left behind
// on purpose lives on where it would be without: in the group of gwe.
func Release(run string) {
	for _, left := range ownCgroup().below(beginningOfRun(run)) {
		left.release()
	}
}

// leftBy finds the control groups of dead runs, wherever in the hierarchy the dead gwe was: those of the
// programs with one of these marks, and those of the same runs' other programs.
func leftBy(marks []string) (marked, others []cgroup) {
	var wanted, known []string
	for _, mark := range marks {
		begin := beginning(mark)
		if begin == "" {
			continue
		}
		wanted = append(wanted, begin)
		run, _, _ := strings.Cut(begin, ":")
		known = append(known, run+":")
	}
	root := hierarchy()
	if root == "" || len(wanted) == 0 {
		return nil, nil
	}
	_ = filepath.WalkDir(string(root), func(path string, entry fs.DirEntry, err error) error {
		begins := func(beginning string) bool { return strings.HasPrefix(entry.Name(), beginning) }
		switch {
		case err != nil || !entry.IsDir():
			return nil // what went while it was looked at
		case slices.ContainsFunc(wanted, begins):
			marked = append(marked, cgroup(path))
		case slices.ContainsFunc(known, begins):
			others = append(others, cgroup(path))
		default:
			return nil
		}
		return fs.SkipDir
	})
	return marked, others
}
