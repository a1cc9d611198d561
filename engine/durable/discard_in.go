package durable

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// ClearIn removes what has a name in a directory, with everything below it, as Clear does: what directories without write permission and
// immutable or append-only marks hold on to goes too. It is no error if nothing has the name. No link is followed, and no mount is entered. The
// caller makes it durable.
func ClearIn(dir *openat.Dir, name string) error {
	err := dir.RemoveAll(name)
	if errors.Is(err, fs.ErrPermission) {
		loosenIn(dir, name)
		err = dir.RemoveAll(name)
	}
	return Explain(err, "cannot remove %s", dir.Join(name))
}

// EmptyIn removes what is in a directory that was opened as an entry, as ClearIn does, whatever has its name by then.
func EmptyIn(entry *openat.Entry) error {
	dir, err := entry.Dir()
	if err != nil {
		return Explain(err, "cannot open %s", entry.Path())
	}
	defer dir.Close()
	err = empty(dir)
	if errors.Is(err, fs.ErrPermission) {
		loosenEntry(entry)
		err = empty(dir)
	}
	return err
}

func empty(dir *openat.Dir) error {
	names, err := dir.Names()
	if err != nil {
		return Explain(err, "cannot list %s", dir.Path())
	}
	for _, name := range names {
		if err := dir.RemoveAll(name); err != nil {
			return Explain(err, "cannot remove %s", dir.Join(name))
		}
	}
	return nil
}

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
	below, err := entry.Dir()
	if err != nil {
		return
	}
	defer below.Close()
	if below.Mounted() {
		return
	}
	unmarkDir(below)
	_ = entry.Chmod(status.Mode&0o7777 | 0o700)
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
