package openat

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Readlink reads the text of a link.
func (e *Entry) Readlink() (string, error) {
	text, err := readlink(e.handle, "")
	if errors.Is(err, unix.ENOENT) { // so the kernel says that it is no link
		err = unix.EINVAL
	}
	return text, e.wrong("readlink", err)
}

// LinkTo gives the very inode of the entry a further name in a directory, whatever its old name leads to by
// now. A link is linked itself.
func (e *Entry) LinkTo(to *Dir, name string) error {
	err := single(name)
	if err == nil {
		err = repeat(func() error { return unix.Linkat(e.handle, "", to.handle, name, unix.AT_EMPTY_PATH) })
		if errors.Is(err, unix.ENOENT) || unsupported(err) { // without CAP_DAC_READ_SEARCH
			err = repeat(func() error {
				return unix.Linkat(unix.AT_FDCWD, proc(e.handle), to.handle, name, unix.AT_SYMLINK_FOLLOW)
			})
		}
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: e.Path(), New: to.Join(name), Err: err}
	}
	return nil
}
