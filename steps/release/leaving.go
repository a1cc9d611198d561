package release

import (
	"fmt"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// leaving is what a switch from one release to another says in the record of the directory that holds them.
type leaving struct {
	// dir is that directory; "" where the link's targets are not known to be releases.
	dir string
	// leave is the release that is left as bad, and choose a bad one that is chosen all the same; "" is none.
	leave, choose string
}

// leavingOf works out what the switch of link to the release to says. The spelled paths are absolute.
//
// A release counts as left for an older one by the record alone. Two releases that the record cannot tell
// apart stay as they are: their age would be a clock's word.
func leavingOf(machine step.Machine, link, to, as string) (leaving, error) {
	next, found := releaseAt(to)
	if !found {
		return leaving{}, nil
	}
	return leavingFor(machine, link, to, next, as)
}

// leavingFor is leavingOf for a release that is found, without links, at next.
func leavingFor(machine step.Machine, link, to, next, as string) (leaving, error) {
	running, leaves := releaseAt(link)
	result := leaving{dir: filepath.Dir(next)}
	if leaves {
		result.dir = filepath.Dir(running)
	}
	beside, found := directoryAt(filepath.Dir(link))
	if !found {
		return leaving{}, nil // the switch itself says why
	}
	if !leaves && result.dir == beside {
		return result, nil
	}
	known, err := order.Read(machine, result.dir)
	if err != nil {
		return leaving{}, err
	}
	if !known.Marked && result.dir != beside && filepath.Dir(result.dir) != beside {
		return leaving{}, nil
	}
	if !leaves || running == next {
		return result, nil
	}
	within := filepath.Dir(next) == result.dir
	if name := filepath.Base(running); name != failsafeName {
		older := filepath.Base(to) == failsafeName || within && known.Rank(filepath.Base(next)) < known.Rank(name)
		if as == "bad" || as == "auto" && older {
			result.leave = name
		}
	}
	if name := filepath.Base(next); within && known.Bad(name) {
		result.choose = name
	}
	return result, nil
}

// releaseAt returns the directory that a path leads to, without symbolic links. Where another user could have
// led it there, it is none: no record is kept of what that user chose.
func releaseAt(path string) (string, bool) {
	real, found := directoryAt(path)
	return real, found && real != "/"
}

func directoryAt(path string) (string, bool) {
	dir, links, err := openat.Trace(path)
	if err != nil {
		return "", false
	}
	defer dir.Close()
	if len(links) == 0 && path == filepath.Clean(path) {
		return path, true
	}
	real, err := dir.Real()
	return real, err == nil
}

// lines are for the plan.
func (l leaving) lines() (lines []string) {
	if l.leave != "" {
		lines = append(lines, fmt.Sprintf("record that %s is left as bad", l.leave))
	}
	if l.choose != "" {
		lines = append(lines, fmt.Sprintf("record that %s is not bad any more", l.choose))
	}
	return lines
}
