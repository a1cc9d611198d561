package openat

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// Dir is an open directory.
type Dir struct {
	handle int
	path   string
}

// Open opens the directory at an absolute path, which may be longer than PATH_MAX. Links are followed by the
// rule of this package.
func Open(path string) (*Dir, error) {
	dir, _, err := open(path, false)
	return dir, err
}

// Trace is Open, and lists the links that it followed, each by its own path without links.
func Trace(path string) (dir *Dir, links []string, err error) { return open(path, true) }

func open(path string, trace bool) (dir *Dir, links []string, err error) {
	if !filepath.IsAbs(path) {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	handle, err := openStraight(path)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENAMETOOLONG) || unsupported(err) {
		handle, links, err = walkFromRoot(path, trace)
	}
	if err != nil {
		return nil, nil, wrong("open", path, err)
	}
	return &Dir{handle: handle, path: path}, links, nil
}

// Borrow is a directory that is open already, and that its opener closes. path is for people.
func Borrow(handle int, path string) *Dir { return &Dir{handle: handle, path: path} }

// OpenParent opens the directory that holds an absolute path, and gives the path's name in it. "/" has none.
func OpenParent(path string) (dir *Dir, name string, err error) {
	path = filepath.Clean(path)
	if path == "/" {
		return nil, "", &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	dir, err = Open(filepath.Dir(path))
	return dir, filepath.Base(path), err
}

// openStraight opens a path without any symbolic link in it.
func openStraight(path string) (handle int, err error) {
	err = repeat(func() error {
		handle, err = unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
		return err
	})
	return handle, err
}

// unsupported reports that the kernel has no such call, or that a filter of calls hides it.
func unsupported(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)
}

// Sub opens a directory in this one. A link is an error.
func (d *Dir) Sub(name string) (*Dir, error) {
	if err := single(name); err != nil {
		return nil, d.wrong("open", name, err)
	}
	handle, err := openat(d.handle, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, d.wrong("open", name, err)
	}
	return &Dir{handle: handle, path: d.Join(name)}, nil
}

// Path is the path by which the directory was opened. Another directory may be there by now.
func (d *Dir) Path() string { return d.path }

// Join is the path of a name in the directory, for people.
func (d *Dir) Join(name string) string { return filepath.Join(d.path, name) }

// Descriptor is for calls that this package does not have. It is opened with O_PATH, and is closed by Close.
func (d *Dir) Descriptor() int { return d.handle }

// Real is the path of the directory itself as the kernel knows it, without links. One that was removed has
// none.
func (d *Dir) Real() (string, error) {
	path, err := os.Readlink(proc(d.handle))
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(path, " (deleted)") {
		var status unix.Stat_t
		if unix.Fstat(d.handle, &status) == nil && status.Nlink == 0 {
			return "", &fs.PathError{Op: "readlink", Path: d.path, Err: fs.ErrNotExist}
		}
	}
	return path, nil
}

// Identity tells the directory from every other.
func (d *Dir) Identity() (Identity, error) {
	found, err := identityOf(d.handle)
	return found, wrong("statx", d.path, err)
}

// Same reports whether both are one directory.
func (d *Dir) Same(other *Dir) bool {
	var here, there unix.Stat_t
	return d == other || unix.Fstat(d.handle, &here) == nil && unix.Fstat(other.handle, &there) == nil && here.Dev == there.Dev && here.Ino == there.Ino
}

// Mounted reports whether a file system is mounted on the directory; false where the kernel does not tell
// (before Linux 5.8).
func (d *Dir) Mounted() bool {
	var status unix.Statx_t
	err := repeat(func() error { return unix.Statx(d.handle, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE, &status) })
	return err == nil && status.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// Close frees the descriptor. It may be called on nil, and twice.
func (d *Dir) Close() {
	if d != nil && d.handle >= 0 {
		_ = unix.Close(d.handle)
		d.handle = -1
	}
}

func (d *Dir) wrong(operation, name string, err error) error {
	return wrong(operation, d.Join(name), err)
}

// wrong names the whole path. An error that names one already stays, and so does a fault.
func wrong(operation, path string, err error) error {
	var named *fs.PathError
	if err == nil || errors.As(err, &named) || fault.As(err) != nil {
		return err
	}
	return &fs.PathError{Op: operation, Path: path, Err: err}
}

// single refuses what is not one name.
func single(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fs.ErrInvalid
	}
	return nil
}

func openat(dir int, name string, flags int, mode uint32) (handle int, err error) {
	err = repeat(func() error {
		handle, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	return handle, err
}

// repeat calls again what a signal cut short.
func repeat(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// proc names a descriptor for calls that take a path.
func proc(handle int) string { return "/proc/self/fd/" + strconv.Itoa(handle) }
