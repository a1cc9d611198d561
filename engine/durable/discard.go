package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Discard is RemoveAll for what is ours to throw away: what folders without write permission and immutable or append-only
// marks (chattr +i, +a) hold on to goes too. Cut short, it is called again.
func Discard(path string) error {
	return synced(path, Clear)
}

// MoveAway is MoveNoReplace for what is ours to throw away: immutable and append-only marks do not hold it.
func MoveAway(old, new string) error {
	err := MoveNoReplace(old, new)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if file, err := os.OpenFile(old, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0); err == nil {
		Unmark(int(file.Fd()))
		file.Close()
	}
	return MoveNoReplace(old, new)
}

// Clear is Discard without the sync: for one of several changes that are made durable together.
func Clear(path string) error {
	err := removeAll(path)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err := loosen(path); err != nil {
		return err
	}
	return removeAll(path)
}

// loosen takes away what keeps entries from being removed. What it cannot change, the removal will tell.
func loosen(path string) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return Explain(err, "cannot open the folder of %s", path)
	}
	defer root.Close()
	return Explain(loosenBelow(root, filepath.Base(path)), "cannot remove %s", path)
}

func loosenBelow(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil
	}
	if file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		Unmark(int(file.Fd()))
		file.Close()
	}
	if !info.IsDir() {
		return nil
	}
	// Where the mode cannot be changed, the removal says why.
	_ = root.Chmod(name, info.Mode().Perm()|0o700)
	folder, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer folder.Close()
	return eachName(folder, func(below string) error { return loosenBelow(folder, below) })
}

// immutable and appendOnly are FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h.
const (
	immutable  = 0x10
	appendOnly = 0x20
)

// Unmark takes the immutable and the append-only mark away from an open file, where the file system knows them.
func Unmark(handle int) {
	flags, err := unix.IoctlGetInt(handle, unix.FS_IOC_GETFLAGS)
	if err == nil && flags&(immutable|appendOnly) != 0 {
		_ = unix.IoctlSetPointerInt(handle, unix.FS_IOC_SETFLAGS, flags&^(immutable|appendOnly))
	}
}

// eachName calls visit for the names in a folder, some at a time.
func eachName(folder *os.Root, visit func(name string) error) error {
	file, err := folder.Open(".")
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		entries, err := file.ReadDir(256)
		for _, entry := range entries {
			if err := visit(entry.Name()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
