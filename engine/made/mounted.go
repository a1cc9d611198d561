package made

import (
	"errors"
	"io/fs"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Unmounted is for an Inspect: it refuses a rollback that would move a directory in which something is
// mounted.
func Unmounted(machine step.Machine, path string) error {
	info, err := machine.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil
	}
	if err != nil {
		return explain(err, "cannot look at %s", path)
	}
	mounted, err := durable.MountedAt(machine, path, info)
	return mountedWithin(path, mounted, err)
}

// UnmountedIn is Unmounted for a name in an open directory.
func UnmountedIn(dir *openat.Dir, name string) error {
	mounted, err := durable.MountedIn(dir, name)
	return mountedWithin(dir.Join(name), mounted, err)
}

func mountedWithin(path, mounted string, err error) error {
	if err != nil || mounted == "" {
		return err
	}
	return fault.New(fault.Failed, "mounted-within", "cannot move %s: something is mounted on %s", path, mounted).
		WithHint("unmount it, then roll back again: umount %s", mounted)
}
