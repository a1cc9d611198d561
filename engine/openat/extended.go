package openat

import (
	"bytes"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Listxattr names the extended attributes; none where the file system has none.
func (e *Entry) Listxattr() ([]string, error) {
	found, err := grown(func(buffer []byte) (int, error) { return unix.Listxattr(proc(e.handle), buffer) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, e.wrong("listxattr", err)
	}
	var names []string
	for name := range strings.SplitSeq(string(found), "\x00") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// Getxattr reads an extended attribute. errors.Is(err, unix.ENODATA) where there is none.
func (e *Entry) Getxattr(name string) ([]byte, error) {
	value, err := grown(func(buffer []byte) (int, error) { return unix.Getxattr(proc(e.handle), name, buffer) })
	return value, e.wrong("getxattr", err)
}

// Setxattr sets an extended attribute.
func (e *Entry) Setxattr(name string, value []byte) error {
	return e.wrong("setxattr "+name, repeat(func() error { return unix.Setxattr(proc(e.handle), name, value, 0) }))
}

// Removexattr removes an extended attribute.
func (e *Entry) Removexattr(name string) error {
	return e.wrong("removexattr "+name, repeat(func() error { return unix.Removexattr(proc(e.handle), name) }))
}

// grown calls read with a buffer that is large enough.
func grown(read func([]byte) (int, error)) ([]byte, error) {
	for size := 1 << 10; ; size *= 4 {
		buffer, length := make([]byte, size), 0
		err := repeat(func() (err error) {
			length, err = read(buffer)
			return err
		})
		if errors.Is(err, unix.ERANGE) && size < 1<<20 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return bytes.Clone(buffer[:length]), nil
	}
}
