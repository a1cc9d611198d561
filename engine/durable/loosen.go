package durable

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// loosenIn takes away what keeps entries from being removed. What it cannot change, the removal tells.
func loosenIn(dir *openat.Dir, name string) {
	entry, err := dir.Entry(name)
	if err != nil {
		return
	}
	defer entry.Close()
	loosenEntry(entry)
}

func loosenEntry(entry *openat.Entry) {
	status, err := entry.Stat()
	if err != nil {
		return
	}
	switch status.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if file, err := entry.Open(); err == nil {
			Unmark(int(file.Fd()))
			file.Close()
		}
		return
	case unix.S_IFDIR:
	default:
		return
	}
	// Where the mode cannot be changed, the removal says why.
	_ = entry.Chmod(status.Mode&0o7777 | 0o700)
	below, err := entry.Dir()
	if err != nil {
		return
	}
	defer below.Close()
	if below.Mounted() {
		return
	}
	unmarkDir(below)
	_ = below.EachName(func(name string) error {
		loosenIn(below, name)
		return nil
	})
}

func unmarkDir(dir *openat.Dir) {
	handle, err := unix.Openat(dir.Descriptor(), ".", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err == nil {
		Unmark(handle)
		_ = unix.Close(handle)
	}
}
