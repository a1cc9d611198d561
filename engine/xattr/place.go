package xattr

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// AccessList and DefaultList are the attributes that hold access control lists.
const (
	AccessList  = "system.posix_acl_access"
	DefaultList = "system.posix_acl_default"
)

// Place is what has extended attributes.
type Place struct {
	// handle is an open file; where it is negative, path leads to the place, and a link at its end is
	// followed if follow is set.
	handle int
	path   string
	follow bool
}

// Of is an open file or directory, which was not opened with O_PATH.
func Of(handle int) Place { return Place{handle: handle} }

// Through is what was opened with O_PATH.
func Through(handle int) Place {
	return Place{handle: -1, path: fmt.Sprintf("/proc/self/fd/%d", handle), follow: true}
}

// At is a name in an open directory: a link itself, where it is one.
func At(directory int, name string) Place {
	return Place{handle: -1, path: fmt.Sprintf("/proc/self/fd/%d/%s", directory, name)}
}

// Names lists the attributes, in the order of the file system; none where it has no such attributes.
func (p Place) Names() ([]string, error) {
	list, err := whole(func(into []byte) (int, error) {
		switch {
		case p.handle >= 0:
			return unix.Flistxattr(p.handle, into)
		case p.follow:
			return unix.Listxattr(p.path, into)
		}
		return unix.Llistxattr(p.path, into)
	})
	if errors.Is(err, unix.ENOTSUP) || err == nil && len(list) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00"), nil
}

// Get reads one attribute. errors.Is(err, unix.ENODATA) where there is none.
func (p Place) Get(name string) ([]byte, error) {
	return whole(func(into []byte) (int, error) {
		switch {
		case p.handle >= 0:
			return unix.Fgetxattr(p.handle, name, into)
		case p.follow:
			return unix.Getxattr(p.path, name, into)
		}
		return unix.Lgetxattr(p.path, name, into)
	})
}

// Set makes or replaces one attribute.
func (p Place) Set(name string, value []byte) error {
	return repeat(func() error {
		switch {
		case p.handle >= 0:
			return unix.Fsetxattr(p.handle, name, value, 0)
		case p.follow:
			return unix.Setxattr(p.path, name, value, 0)
		}
		return unix.Lsetxattr(p.path, name, value, 0)
	})
}

// Remove takes one attribute away. errors.Is(err, unix.ENODATA) where there is none.
func (p Place) Remove(name string) error {
	return repeat(func() error {
		switch {
		case p.handle >= 0:
			return unix.Fremovexattr(p.handle, name)
		case p.follow:
			return unix.Removexattr(p.path, name)
		}
		return unix.Lremovexattr(p.path, name)
	})
}

// whole calls with a larger buffer until the answer fits. The kernel gives at most 64 KiB of each, some file
// systems more.
func whole(call func(into []byte) (int, error)) ([]byte, error) {
	const most = 1 << 20
	for size := 256; ; size *= 16 {
		into, length := make([]byte, size), 0
		err := repeat(func() (err error) {
			length, err = call(into)
			return err
		})
		if errors.Is(err, unix.ERANGE) && size < most {
			continue
		}
		if err != nil {
			return nil, err
		}
		return into[:length], nil
	}
}

// repeat calls again what a signal interrupted.
func repeat(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
