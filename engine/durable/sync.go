package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// SyncFile makes the content and the size of a file durable. Its name is durable once its directory is
// synced.
func SyncFile(path string) error { return syncPath(path, 0) }

// SyncDirectory makes the names in a directory durable.
func SyncDirectory(path string) error { return syncPath(path, syscall.O_DIRECTORY) }

func syncPath(path string, flags int) error {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|flags, 0) // a FIFO would keep it waiting
	if err != nil {
		return Explain(err, "cannot sync %s", path)
	}
	defer file.Close()
	return Explain(file.Sync(), "cannot sync %s", path)
}

// SyncFileSystems makes everything durable that was written on the file systems of these paths: one syncfs
// for each file system, however many paths lie on it. A path that does not exist stands for its nearest
// existing parent; a symbolic link stands for the directory it lies in and for what it points to.
//
// Since Linux 5.8 syncfs tells of write errors that nobody was told of yet, even when they happened before
// the call.
func SyncFileSystems(paths ...string) error {
	return syncPaths(paths, map[uint64]bool{})
}

func syncPaths(paths []string, synced map[uint64]bool) error {
	for _, path := range paths {
		if err := syncPathIn(path, synced); err != nil {
			return Explain(err, "cannot sync the file system of %s", path)
		}
	}
	return nil
}

func syncPathIn(path string, synced map[uint64]bool) error {
	there, err := os.Lstat(path)
	if err == nil && there.IsDir() && filepath.IsAbs(path) { // as most are
		if synced[deviceOf(there)] {
			return nil
		}
		return syncFileSystem(path, synced)
	}
	anchors, err := anchorsOf(path)
	if err != nil {
		return err
	}
	for _, anchor := range anchors {
		if err := syncFileSystem(anchor, synced); err != nil {
			return err
		}
	}
	return nil
}

// deviceOf is the number of the file system that a file is on; 0 where the system does not tell.
func deviceOf(info fs.FileInfo) uint64 {
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(status.Dev) // 32 bits wide on some machines
	}
	return 0
}

// anchorsOf names existing directories and regular files that lie on the path's file systems and can be
// opened without blocking (a FIFO would wait for a writer).
func anchorsOf(path string) ([]string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	for {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			path = filepath.Dir(path)
			continue
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeSymlink != 0:
			anchors := []string{filepath.Dir(path)}
			if target, err := os.Stat(path); err == nil && (target.IsDir() || target.Mode().IsRegular()) {
				anchors = append(anchors, path)
			}
			return anchors, nil
		case info.IsDir(), info.Mode().IsRegular():
			return []string{path}, nil
		default:
			return []string{filepath.Dir(path)}, nil
		}
	}
}

func syncFileSystem(anchor string, synced map[uint64]bool) error {
	handle := -1
	err := Repeat(func() (err error) {
		handle, err = unix.Open(anchor, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // what stands there may have changed
		return err
	})
	if err != nil {
		return &fs.PathError{Op: "open", Path: anchor, Err: err}
	}
	defer unix.Close(handle)
	var status unix.Stat_t
	if err := unix.Fstat(handle, &status); err != nil {
		return &fs.PathError{Op: "stat", Path: anchor, Err: err}
	}
	device := uint64(status.Dev) // 32 bits wide on some machines
	if synced[device] {
		return nil
	}
	if err := Repeat(func() error { return unix.Syncfs(handle) }); err != nil {
		return &fs.PathError{Op: "syncfs", Path: anchor, Err: err}
	}
	synced[device] = true
	return nil
}

// IsSync reports whether an error, or one of those that came together, is of a sync that failed.
func IsSync(err error) bool {
	switch err := err.(type) {
	case nil:
		return false
	case *fs.PathError:
		return err.Op == "sync" || err.Op == "syncfs"
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(err.Unwrap(), IsSync)
	}
	return IsSync(errors.Unwrap(err))
}
