package runstate

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// targetRecord is where a path that the run works on was when the run came to it. Where its file system is
// not mounted, or was made read-only since, no undo can succeed; and an undo that was tried and failed is
// over.
type targetRecord struct {
	Path string `json:"path"`
	// Apart tells that it was on another file system than the root.
	Apart bool `json:"apart,omitempty"`
	// Writable tells that its file system was mounted for writing.
	Writable bool `json:"writable,omitempty"`
	// Begins is the directory with which its file system begins; "" where it is not apart, and in journals of
	// older gwes.
	Begins string `json:"begins,omitempty"`
	// Mounts are the mount points at or above the path that the recipe asks for.
	Mounts []string `json:"mounts,omitempty"`
}

// TargetsOf looks where the paths of locks are now. mounts are the mount points that the recipe asks for, by
// lock.
func TargetsOf(names []string, mounts map[string][]string) []targetRecord {
	var targets []targetRecord
	for _, path := range LockedPaths(names) {
		if now, err := locate(path); err == nil && (now.Apart || now.Writable) {
			now.Mounts = mounts[path]
			targets = append(targets, now)
		}
	}
	return targets
}

// TargetsOfEffects looks where the paths are that a step is about to change. What a target of the run tells
// already is left out.
func TargetsOfEffects(paths []string, begun []targetRecord) []targetRecord {
	var targets []targetRecord
	for _, path := range paths {
		now, _, err := lookAround(path)
		known := func(one targetRecord) bool {
			return LiesIn(path, one.Path) && one.Begins == now.Begins && one.Apart == now.Apart && one.Writable == now.Writable
		}
		if err == nil && (now.Apart || now.Writable) && !slices.ContainsFunc(begun, known) {
			targets = append(targets, now)
		}
	}
	return targets
}

// lookAround finds the file system that has the path, or has its nearest parent that exists: a directory of
// it is at.
func lookAround(path string) (found targetRecord, at string, err error) {
	found.Path = path
	var status, root unix.Stat_t
	for {
		err := unix.Stat(path, &status)
		if err == nil {
			break
		}
		if path == "/" || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return found, "", err
		}
		path = filepath.Dir(path)
	}
	var system unix.Statfs_t
	if err := errors.Join(unix.Stat("/", &root), unix.Statfs(path, &system)); err != nil {
		return found, "", err
	}
	found.Apart, found.Writable = status.Dev != root.Dev, system.Flags&unix.ST_RDONLY == 0
	if found.Apart {
		if found.Begins, err = durable.FileSystemRoot(path); err != nil {
			return found, "", err
		}
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		path = filepath.Dir(path)
	}
	return found, path, nil
}

// locate is lookAround of a file system that answers: one that was shut down, or whose disk is gone, does
// not.
func locate(path string) (targetRecord, error) {
	found, at, err := lookAround(path)
	if err != nil {
		return found, err
	}
	return found, durable.SyncDirectory(at)
}

// gone returns the directory on which the target's file system was, or has to be, mounted and is not; ""
// where it is there.
func (t targetRecord) gone(now targetRecord) string {
	if t.Apart && !now.Apart {
		return cmp.Or(t.Begins, t.Path)
	}
	if t.Begins != "" {
		if begins, err := durable.BeginsFileSystem(t.Begins); err == nil && !begins || errors.Is(err, fs.ErrNotExist) {
			return t.Begins
		}
	}
	for _, point := range t.Mounts {
		if durable.RequireMount(t.Path, point) != nil {
			return point
		}
	}
	return ""
}

// OutOfReach tells why nothing can be rolled back now: a file system that the run worked on is not there, or
// takes nothing. Then nothing is tried either, and a later recovery does it all.
func OutOfReach(begun []targetRecord, class fault.Class) error {
	next := "`gwe recover` continues"
	if class == fault.Refused {
		next = "roll back again"
	}
	for _, target := range begun {
		now, err := locate(target.Path)
		if why := Exhausted(err); why != nil {
			return why
		}
		if err != nil {
			return fault.New(class, "target-unreachable", "the file system of %s does not answer, so nothing can be rolled back yet", target.Path).WithCause(err).
				WithHint("the storage may be failing: see the kernel's log; when it is mounted again, %s", next)
		}
		if point := target.gone(now); point != "" {
			return fault.New(class, "target-not-mounted", "the file system of %s is not mounted on %s, so nothing can be rolled back yet", target.Path, point).
				WithHint("mount it, then %s; at boot, let the unit wait for it: RequiresMountsFor=%s", next, target.Path)
		}
		if target.Writable && !now.Writable {
			return fault.New(class, "target-read-only", "the file system of %s became read-only, so nothing can be rolled back yet", target.Path).
				WithHint("see the kernel's log why; mount -o remount,rw, then %s", next)
		}
	}
	return nil
}

// NotAsBefore refuses to work on paths whose file system is not mounted, as an earlier run that can still be
// rolled back knows: what stands there now would be taken for a first installation, on another file system.
func NotAsBefore(paths []string, standing []*StoredRun) error {
	for _, p := range standing {
		for _, target := range p.Targets(func(string) bool { return false }) {
			if target.Begins == "" || !slices.ContainsFunc(paths, func(path string) bool { return LiesIn(path, target.Begins) }) {
				continue
			}
			now, _, err := lookAround(target.Path)
			if err != nil {
				continue // the run itself says why
			}
			if point := target.gone(now); point != "" {
				return fault.New(fault.Refused, "target-not-mounted", "the file system of %s is not mounted on %s, where run %s worked on it", target.Path, point, p.Directory.ID()).
					WithHint("mount it, then run again: mount %s; if %s is to be on another file system from now on, run `gwe forget %s` first", point, target.Path, p.Directory.ID())
			}
		}
	}
	return nil
}

// Targets are what a past run worked on and may have to roll back: what its locks name, and what its steps
// changed, newest first. They end with the newest step of a type that ends tells: what its undo does may
// mount what the older ones need.
func (p *StoredRun) Targets(ends func(stepType string) bool) []targetRecord {
	targets := slices.Clone(p.Begin.Targets)
	for _, f := range slices.Backward(p.frames) {
		if f.Part != "" || f.Undone && len(f.undoErrors) == 0 {
			continue
		}
		if ends(f.shown.Type) {
			return targets
		}
		targets = append(targets, f.Targets...)
	}
	return targets
}

// OutOfReach is that of a dead run with something to roll back. A run that reboots the machine may come back
// to other mounts.
func (p *StoredRun) OutOfReach() error {
	if len(p.frames) == 0 || p.Waited {
		return nil
	}
	return OutOfReach(p.Begin.Targets, fault.Errored)
}
