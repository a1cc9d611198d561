package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// MountPoint returns the mount point on which path lies, symbolic links followed; "" where that is the root
// directory. A path that does not exist lies where its nearest parent does. An automount point that does not
// answer is none.
func MountPoint(path string) (string, error) {
	real, err := existing(path)
	if err != nil {
		return "", err
	}
	for ; real != "/"; real = filepath.Dir(real) {
		is, err := isMountPoint(real)
		if err != nil || is {
			return real, err
		}
	}
	return "", nil
}

// RequireMount refuses where the mount point is none, or is not mounted. what is what needs it: "the source".
// The error's code is not-mounted.
func RequireMount(what, point string) error {
	real, err := filepath.EvalSymlinks(point)
	is := false
	if err == nil {
		is, err = isMountPoint(real)
	}
	if err == nil && is {
		return nil
	}
	return fault.New(fault.Refused, "not-mounted", "cannot use %s: nothing is mounted on %s", what, point).
		WithHint("mount it, then run again: mount %s; at boot, let the unit wait for it: RequiresMountsFor=%s", point, point).WithCause(err)
}

// RequireMounted refuses where path does not lie on a mount point, but in the root file system. The error's
// code is not-mounted.
func RequireMounted(what, path string) error {
	point, err := MountPoint(path)
	if err == nil && point != "" {
		return nil
	}
	return fault.New(fault.Refused, "not-mounted", "cannot use %s: nothing is mounted on %s or on a directory above it, so it lies in the root file system", what, path).
		WithHint("mount what should be there, then run again; at boot, let the unit wait for it: RequiresMountsFor=%s", path).WithCause(err)
}

// existing is the path, or its nearest parent that exists, without symbolic links. To look triggers an
// automount.
func existing(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for {
		_, _ = os.Stat(path + "/.")
		real, err := filepath.EvalSymlinks(path)
		if err == nil || path == "/" || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return real, err
		}
		path = filepath.Dir(path)
	}
}

// isMountPoint reports whether something is mounted on a path without symbolic links.
func isMountPoint(path string) (bool, error) {
	if path == "/" {
		return true, nil
	}
	_, _ = os.Stat(path + "/.") // triggers an automount
	var status unix.Statx_t
	err := Repeat(func() error {
		return unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &status)
	})
	if err != nil {
		return false, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	var system unix.Statfs_t
	if err := Repeat(func() error { return unix.Statfs(path, &system) }); err != nil {
		return false, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if system.Type == unix.AUTOFS_SUPER_MAGIC {
		return false, nil
	}
	if status.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return status.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
	}
	table, err := os.ReadFile(mountTable) // Linux before 5.8
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && Unescape(fields[4]) == path {
			return true, nil
		}
	}
	return false, nil
}

// FileSystemRoot returns the directory with which the file system begins that path lies on, or its nearest
// parent that exists; "" where it is that of the root directory. It goes by the devices, so that a bind mount
// of the same file system counts for nothing.
func FileSystemRoot(path string) (string, error) {
	real, err := existing(path)
	if err != nil {
		return "", err
	}
	var here, above unix.Stat_t
	if err := unix.Lstat(real, &here); err != nil {
		return "", &fs.PathError{Op: "lstat", Path: real, Err: err}
	}
	for ; real != "/"; real, here = filepath.Dir(real), above {
		if err := unix.Lstat(filepath.Dir(real), &above); err != nil {
			return "", &fs.PathError{Op: "lstat", Path: filepath.Dir(real), Err: err}
		}
		if here.Dev != above.Dev {
			return real, nil
		}
	}
	return "", nil
}

// BeginsFileSystem reports whether a directory is on another device than the one above it.
func BeginsFileSystem(path string) (bool, error) {
	var here, above unix.Stat_t
	if err := unix.Lstat(path, &here); err != nil {
		return false, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if err := unix.Stat(filepath.Dir(path), &above); err != nil {
		return false, &fs.PathError{Op: "stat", Path: filepath.Dir(path), Err: err}
	}
	return here.Dev != above.Dev, nil
}
