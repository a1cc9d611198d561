package openat

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Below opens a directory below this one, however deep. No link on the way is followed; "." is the directory
// itself.
func (d *Dir) Below(relative string) (*Dir, error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	handle := -1
	err := repeat(func() (err error) {
		handle, err = unix.Openat2(d.handle, relative, &unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
		return err
	})
	if unsupported(err) || errors.Is(err, unix.ENAMETOOLONG) {
		handle, err = d.descend(relative)
	}
	if err != nil {
		return nil, wrong("open", d.Join(relative), err)
	}
	return &Dir{handle: handle, path: d.Join(relative)}, nil
}

// descend is Below without the kernel's help.
func (d *Dir) descend(relative string) (int, error) {
	at, err := openat(d.handle, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, err
	}
	for name := range strings.SplitSeq(relative, "/") {
		if name == "" || name == "." {
			continue
		}
		next := -1
		if err = single(name); err == nil {
			next, err = openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		}
		_ = unix.Close(at)
		if err != nil {
			return -1, err
		}
		at = next
	}
	return at, nil
}

// SyncFileSystem makes durable all that was written on the directory's file system.
func (d *Dir) SyncFileSystem() error { return d.reading("syncfs", unix.Syncfs) }
