package transfer

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
)

// none stands for a directory that is not there, in place of a descriptor.
const none = -1

// openAt opens what is named in a directory, and never follows a link there.
func openAt(directory int, name string, flags int, mode uint32) (handle int, err error) {
	err = durable.Repeat(func() error {
		handle, err = unix.Openat(directory, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return none, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return handle, nil
}

// openDirectory opens a directory in a directory.
func openDirectory(parent int, name string) (int, error) {
	return openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
}

// openIfThere is openDirectory, and none where there is no directory of that name.
func openIfThere(parent int, name string) (int, error) {
	if parent == none {
		return none, nil
	}
	handle, err := openDirectory(parent, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return none, nil
	}
	return handle, err
}

// openRoot opens the directory that a path leads to, following links by the rule of package openat.
func openRoot(path string) (handle int, err error) {
	dir, err := openat.Open(path)
	if err != nil {
		return none, err
	}
	defer dir.Close()
	return openDirectory(dir.Descriptor(), ".")
}

// openWay opens the directory at a path below another, component by component: no link on the way is
// followed, and no length is too long.
func openWay(root int, way string) (int, error) {
	handle, err := openDirectory(root, ".")
	for name := range strings.SplitSeq(way, "/") {
		if err != nil || name == "" {
			continue
		}
		var next int
		next, err = openDirectory(handle, name)
		closeAll(handle)
		handle = next
	}
	return handle, err
}

func closeAll(handles ...int) {
	for _, handle := range handles {
		if handle != none {
			_ = unix.Close(handle)
		}
	}
}

// statAt looks at a name in a directory; nil is that nothing is there.
func statAt(directory int, name string) (*unix.Stat_t, error) {
	if directory == none {
		return nil, nil
	}
	status := new(unix.Stat_t)
	err := durable.Repeat(func() error { return unix.Fstatat(directory, name, status, unix.AT_SYMLINK_NOFOLLOW) })
	if err == syscall.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return status, nil
}

// linkText reads a symbolic link.
func linkText(directory int, name string) (string, error) {
	for size := 256; ; size *= 2 {
		buffer := make([]byte, size)
		length, err := unix.Readlinkat(directory, name, buffer)
		if err != nil {
			return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
		}
		if length < size {
			return string(buffer[:length]), nil
		}
	}
}

// below joins a path inside a tree and a name; "" is the root.
func below(way, name string) string {
	if way == "" {
		return name
	}
	return way + "/" + name
}

// cutLast cuts a path inside a tree into the directory's and the name.
func cutLast(way string) (parent, name string) {
	at := strings.LastIndexByte(way, '/')
	return way[:max(at, 0)], way[at+1:]
}
