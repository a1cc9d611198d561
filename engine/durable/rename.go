package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Rename moves old to new, replacing a file or a symbolic link there, and syncs both folders.
func Rename(old, new string) error {
	if err := os.Rename(old, new); err != nil {
		return Explain(err, "cannot rename %s to %s", old, new)
	}
	return syncFoldersOf(old, new)
}

// RenameNoReplace moves old to new only if nothing is there, and syncs both folders. errors.Is(err, fs.ErrExist) tells
// that the name was taken.
func RenameNoReplace(old, new string) error {
	if err := MoveNoReplace(old, new); err != nil {
		return err
	}
	return syncFoldersOf(old, new)
}

// MoveNoReplace is RenameNoReplace without the sync: for one of several changes that are made durable together.
//
// It is one call of renameat2. On a file system that does not know RENAME_NOREPLACE (NFS, some FUSE ones) the name is
// claimed first: a folder by mkdir and then a rename over the empty folder, anything else by a hard link and then the
// removal of the old name. Both refuse a taken name without a gap; but a power cut in between leaves the empty folder,
// or both names.
func MoveNoReplace(old, new string) error {
	err := Repeat(func() error { return unix.Renameat2(unix.AT_FDCWD, old, unix.AT_FDCWD, new, unix.RENAME_NOREPLACE) })
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		err = claim(old, new)
	}
	if err != nil {
		return Explain(&os.LinkError{Op: "rename", Old: old, New: new, Err: err}, "cannot rename %s to %s", old, new)
	}
	return nil
}

// claim is MoveNoReplace without the kernel's help.
func claim(old, new string) error {
	info, err := os.Lstat(old)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if err := os.Link(old, new); err != nil {
			return err
		}
		return os.Remove(old)
	}
	if err := os.Mkdir(new, 0o700); err != nil {
		return err
	}
	if err := Repeat(func() error { return unix.Rename(old, new) }); err != nil {
		_ = os.Remove(new)
		return err
	}
	return nil
}

func syncFoldersOf(old, new string) error {
	source, target := filepath.Dir(old), filepath.Dir(new)
	if source == target {
		return SyncFolder(target)
	}
	return SyncFileSystems(target, source)
}

// RemoveAll removes what is at path, with everything below it, and syncs the folder it was in. It is no error if nothing
// is there. Symbolic links are removed, never followed, even where one is put in place of a folder while it works. Where something is
// mounted at path or below it, nothing is removed.
func RemoveAll(path string) error {
	return synced(path, removeAll)
}

// synced removes what is at path, and syncs the folder it was in.
func synced(path string, remove func(path string) error) error {
	if _, err := os.Lstat(path); path != "" && errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err := remove(path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

func removeAll(path string) error {
	if path == "" || filepath.Clean(path) == filepath.Dir(path) {
		return Explain(fs.ErrInvalid, "cannot remove %q", path)
	}
	if err := Unmounted(path); err != nil {
		return err
	}
	return Explain(os.RemoveAll(path), "cannot remove %s", path)
}
