package plan

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// reachable refuses a path that leads through a link by which a less trusted user could lead gwe elsewhere.
// Directories that are missing are made by a step, or missed by it.
func reachable(machine step.Machine, path string) error {
	if _, local := machine.(step.Mounter); !local || filepath.Clean(path) == "/" || !filepath.IsAbs(path) {
		return nil
	}
	dir, _, err := openat.OpenParent(path)
	dir.Close()
	if fault.As(err) == nil {
		return nil // the step itself tells
	}
	return step.Stands(err, filepath.Dir(path))
}

// writable reports why nothing can be written at a path as its file system is mounted, or by this user in the
// directory that would hold it.
func writable(machine step.Machine, path string) error {
	if err := reachable(machine, path); err != nil {
		return err
	}
	directory, info, err := nearest(machine, path)
	if err != nil {
		return nil // the step itself tells
	}
	if step.MountOf(machine, directory).ReadOnly {
		return step.Stands(fault.New(fault.Refused, "target-not-writable", "cannot change %s: the file system of %s is mounted read-only", path, directory).
			WithHint("remount it with rw before the run, or choose another target"))
	}
	if directory == filepath.Clean(path) || !info.IsDir() {
		return nil
	}
	if _, local := machine.(step.Mounter); !local {
		return nil
	}
	err = unix.Faccessat(unix.AT_FDCWD, directory, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, fs.ErrPermission) {
		return step.Stands(fault.New(fault.Refused, "target-not-writable", "cannot change %s: this user may not write in %s", path, directory).
			WithHint("run gwe as root, or as the owner of %s", directory), directory)
	}
	return nil
}

// nearest finds a path, or the nearest one above it that is there: what is made at the path will lie on its
// file system.
func nearest(machine step.Machine, path string) (string, fs.FileInfo, error) {
	info, err := machine.Stat(path)
	for errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err = machine.Stat(path)
	}
	return path, info, err
}

// VolatileState refuses a run whose journal would not survive a power cut while what it changes does: the
// machine would stay in between, and nothing would know of it. state is the state directory, and paths are
// what the run changes, as far as that is known.
func VolatileState(machine step.Machine, state string, paths []string) error {
	directory, _, err := nearest(machine, state)
	if err != nil {
		return nil
	}
	system := step.MountOf(machine, directory).Volatile
	if system == "" {
		return nil
	}
	for _, path := range paths {
		lasting, _, err := nearest(machine, path)
		if err != nil || step.MountOf(machine, lasting).Volatile != "" {
			continue
		}
		return fault.New(fault.Refused, "state-volatile", "the state directory %s is on %s, and %s is not: after a power cut nothing would know that a run was in progress there", state, system, path).
			WithHint("choose a directory on a disk with --state-dir or GWE_STATE_DIR; to do without recovery, set GWE_VOLATILE_STATE=accept")
	}
	return nil
}

// ChangedBy lists the paths that the rows surely or perhaps change, and those of the locks.
func ChangedBy(begin runstate.BeginRecord, rows []program.PlannedStep) []string {
	paths := runstate.LockedPaths(begin.Locks)
	for _, row := range rows {
		if row.Section == "steps" && row.Guard != program.WillSkip {
			paths = append(paths, row.Touches...)
		}
	}
	return paths
}
