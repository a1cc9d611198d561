package engine

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// targetRecord is where a path of the run's locks was when the run began. Where its file system is not mounted, or was
// made read-only since, no undo can succeed; and an undo that was tried and failed is over.
type targetRecord struct {
	Path string `json:"path"`
	// Apart tells that it was on another file system than the root.
	Apart bool `json:"apart,omitempty"`
	// Writable tells that its file system was mounted for writing.
	Writable bool `json:"writable,omitempty"`
}

// targetsOf looks where the paths of locks are now.
func targetsOf(names []string) []targetRecord {
	var targets []targetRecord
	for _, path := range lockedPaths(names) {
		if now, err := locate(path); err == nil && (now.Apart || now.Writable) {
			targets = append(targets, now)
		}
	}
	return targets
}

// locate finds the file system that has the path, or has its nearest parent that exists.
func locate(path string) (targetRecord, error) {
	found := targetRecord{Path: path}
	var status, root unix.Stat_t
	for {
		err := unix.Stat(path, &status)
		if err == nil {
			break
		}
		if path == "/" || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return found, err
		}
		path = filepath.Dir(path)
	}
	var system unix.Statfs_t
	if err := errors.Join(unix.Stat("/", &root), unix.Statfs(path, &system)); err != nil {
		return found, err
	}
	found.Apart, found.Writable = status.Dev != root.Dev, system.Flags&unix.ST_RDONLY == 0
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		path = filepath.Dir(path)
	}
	return found, durable.SyncFolder(path) // a file system that was shut down, or whose disk is gone, tells by that
}

// outOfReach tells why nothing can be put back now: a file system that the run worked on is not there, or takes nothing.
// Then nothing is tried either, and a later recovery does it all.
func outOfReach(begun []targetRecord, class fault.Class) error {
	for _, target := range begun {
		now, err := locate(target.Path)
		switch {
		case err != nil:
			return fault.New(class, "target-unreachable", "the file system of %s does not answer, so nothing can be put back yet", target.Path).WithCause(err).
				WithHint("the storage may be failing: see the kernel's log; when it is mounted again, `gwe recover` goes on")
		case target.Apart && !now.Apart:
			return fault.New(class, "target-not-mounted", "the file system of %s is not mounted, so nothing can be put back yet", target.Path).
				WithHint("mount it, then `gwe recover` goes on; at boot, let the unit wait for it: RequiresMountsFor=%s", target.Path)
		case target.Writable && !now.Writable:
			return fault.New(class, "target-read-only", "the file system of %s became read-only, so nothing can be put back yet", target.Path).
				WithHint("see the kernel's log why; mount -o remount,rw, then `gwe recover` goes on")
		}
	}
	return nil
}

// outOfReach is that of a dead run with something to put back. A run that reboots the machine may come back to other mounts.
func (p *past) outOfReach() error {
	if !p.has(recordIntent) || p.has(recordSuspended) {
		return nil
	}
	return outOfReach(p.begin.Targets, fault.Errored)
}

// hold ends this process's part of a run that cannot be put back now, or not to its end. What was not undone is not tried, and so
// nothing is lost.
func (x *execution) hold(why error) Result {
	missing := x.catchUp(context.Background())
	x.task.Warn("not everything was put back yet: recovery is pending")
	x.task.Fail(why)
	x.folder.noteFailure(x.withoutSecrets(why))
	result := Result{Run: x.folder.id(), Status: StatusBroken, Err: x.withoutSecrets(why)}
	if x.history.failure != nil {
		result.Others = []error{x.history.failure.err()}
	}
	if missing != nil {
		result.Others = append(result.Others, missing)
	}
	return result
}

// outOfReach is that of a run that lives and turns back.
func (x *execution) outOfReach() error {
	if x.history.suspension != nil || x.history.rebooted != nil || len(x.todo()) == 0 {
		return nil
	}
	return outOfReach(x.history.begin.Targets, fault.Errored)
}
