package durable

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// RenameAt moves a name to another one, replaces a file or a symbolic link there, and syncs both directories.
func RenameAt(from *openat.Dir, name string, to *openat.Dir, other string) error {
	if err := from.Rename(name, to, other); err != nil {
		return Explain(err, "cannot rename %s to %s", from.Join(name), to.Join(other))
	}
	return syncBoth(from, to)
}

// RenameNoReplaceAt moves a name to another one only if nothing has that, and syncs both directories.
// errors.Is(err, fs.ErrExist) tells that the name was taken.
func RenameNoReplaceAt(from *openat.Dir, name string, to *openat.Dir, other string) error {
	if err := MoveNoReplaceAt(from, name, to, other); err != nil {
		return err
	}
	return syncBoth(from, to)
}

// MoveNoReplaceAt is RenameNoReplaceAt without the sync: for one of several changes that are made durable
// together.
func MoveNoReplaceAt(from *openat.Dir, name string, to *openat.Dir, other string) error {
	return Explain(from.RenameNoReplace(name, to, other), "cannot rename %s to %s", from.Join(name), to.Join(other))
}

// MoveAwayAt is MoveNoReplaceAt for what is ours to throw away: immutable and append-only marks do not hold
// it.
func MoveAwayAt(from *openat.Dir, name string, to *openat.Dir, other string) error {
	err := MoveNoReplaceAt(from, name, to, other)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	unmarkAt(from, name)
	return MoveNoReplaceAt(from, name, to, other)
}

// RemoveAt removes a file or a symbolic link, and syncs the directory. It is not an error if nothing is
// there.
func RemoveAt(dir *openat.Dir, name string) error {
	err := dir.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return Explain(err, "cannot remove %s", dir.Join(name))
	}
	return SyncDir(dir)
}

// Known reports whether an open directory is the one that may be removed.
type Known func(*openat.Dir) (bool, error)

// DiscardAt removes what has a name in an open directory, with everything below it, and syncs the directory.
// It is for what is ours to throw away: what directories without write permission and immutable or
// append-only marks (chattr +i, +a) hold on to goes too. No link is followed; where something is mounted at
// the name or below it, nothing is removed. It is not an error if nothing has the name.
func DiscardAt(dir *openat.Dir, name string) error { return DiscardKnown(dir, name, nil) }

// DiscardKnown is DiscardAt for a directory that must be a certain one: where another has its name by then,
// the error is ESTALE, and nothing of it is removed. known may be nil.
func DiscardKnown(dir *openat.Dir, name string, known Known) error {
	if _, err := dir.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := clearKnown(dir, name, known); err != nil {
		return err
	}
	return SyncDir(dir)
}

// ClearAt is DiscardAt without the sync.
func ClearAt(dir *openat.Dir, name string) error { return clearKnown(dir, name, nil) }

func clearKnown(dir *openat.Dir, name string, known Known) error {
	if err := UnmountedAt(dir, name); err != nil {
		return err
	}
	err := dir.RemoveKnown(name, known)
	if errors.Is(err, fs.ErrPermission) {
		if err := loosenAt(dir, name, known); err != nil {
			return Explain(err, "cannot remove %s", dir.Join(name))
		}
		err = dir.RemoveKnown(name, known)
	}
	return Explain(err, "cannot remove %s", dir.Join(name))
}

// loosenAt takes away what keeps entries from being removed. What it cannot change, the removal will tell.
func loosenAt(dir *openat.Dir, name string, known Known) error {
	entry, err := dir.Entry(name)
	if err != nil {
		return err
	}
	defer entry.Close()
	status, err := entry.Stat()
	if err != nil {
		return err
	}
	if status.Mode&unix.S_IFMT == unix.S_IFDIR && known != nil {
		if is, err := known(openat.Borrow(entry.Descriptor(), dir.Join(name))); err != nil || !is {
			return err // the removal says that it is another one
		}
	}
	loosenEntry(entry)
	return nil
}

// unmarkAt takes the immutable and the append-only mark away from a file or a directory.
func unmarkAt(dir *openat.Dir, name string) {
	if file, err := dir.Open(name); err == nil {
		Unmark(int(file.Fd()))
		file.Close()
	} else if below, err := dir.Sub(name); err == nil {
		if file, err := below.Read(); err == nil {
			Unmark(int(file.Fd()))
			file.Close()
		}
		below.Close()
	}
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir *openat.Dir) error { return Explain(dir.Sync(), "cannot sync %s", dir.Path()) }

func syncBoth(from, to *openat.Dir) error {
	if to.Same(from) {
		return SyncDir(to)
	}
	return SyncFileSystemsAt([]*openat.Dir{to, from})
}

// SyncFileSystemsAt is SyncFileSystems for open directories, and for paths of gwe's own.
func SyncFileSystemsAt(dirs []*openat.Dir, paths ...string) error {
	synced := map[uint64]bool{}
	for _, dir := range dirs {
		device, err := dir.Device()
		if err == nil && !synced[device] {
			err = dir.SyncFileSystem()
		}
		if err != nil {
			return Explain(err, "cannot sync the file system of %s", dir.Path())
		}
		synced[device] = true
	}
	return syncPaths(paths, synced)
}

// MountedIn gives a mount point at a name in a directory, or below it; "" where there is none.
func MountedIn(dir *openat.Dir, name string) (string, error) {
	info, err := dir.Lstat(name)
	if err != nil || !info.IsDir() {
		return "", nil // who acts on it tells
	}
	real, err := dir.Real()
	if err != nil {
		return "", Explain(err, "cannot tell what is mounted below %s", dir.Join(name))
	}
	return MountedAt(local{}, filepath.Join(real, name), info)
}

// UnmountedAt refuses a removal that would go through a mount: what is mounted there is not ours to throw
// away.
func UnmountedAt(dir *openat.Dir, name string) error {
	mounted, err := MountedIn(dir, name)
	if err != nil || mounted == "" {
		return err
	}
	return mountedWithin(dir.Join(name), mounted)
}
