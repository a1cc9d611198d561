package step

import (
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
)

// Mount is what the file system of a path allows.
type Mount struct {
	// ReadOnly and NoExec are mount options: nothing can be written there, no program can be started from
	// there.
	ReadOnly, NoExec bool
	// Volatile is "tmpfs" or "ramfs" where what is written there lies in memory and ends with the boot, also
	// below an overlay; else "".
	Volatile string
}

// Mount describes the file system of a path that exists.
func (Local) Mount(path string) (Mount, error) {
	var status unix.Statfs_t
	if err := unix.Statfs(path, &status); err != nil {
		return Mount{}, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	mount := Mount{ReadOnly: status.Flags&unix.ST_RDONLY != 0, NoExec: status.Flags&unix.ST_NOEXEC != 0}
	mount.Volatile = volatile(&status)
	if uint32(status.Type) == unix.OVERLAYFS_SUPER_MAGIC {
		if upper := durable.OverlayUpper(path); upper != "" && unix.Statfs(upper, &status) == nil {
			mount.Volatile = volatile(&status)
		}
	}
	return mount, nil
}

func volatile(status *unix.Statfs_t) string {
	switch uint32(status.Type) {
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.RAMFS_MAGIC:
		return "ramfs"
	}
	return ""
}

// Mounter is a Machine that knows its mounts; one that does not is taken to allow everything.
type Mounter interface {
	Mount(path string) (Mount, error)
}

// MountOf describes the file system of a path that exists, as far as the machine knows it.
func MountOf(machine Machine, path string) Mount {
	if mounter, ok := machine.(Mounter); ok {
		if mount, err := mounter.Mount(path); err == nil {
			return mount
		}
	}
	return Mount{}
}
