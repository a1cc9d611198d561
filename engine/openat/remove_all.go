package openat

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func isEnd(err error) bool { return errors.Is(err, io.EOF) }

// RemoveAll removes what has a name, and all below it. It is no error if nothing has it. Links are removed,
// never followed. A mount point is not entered, and stays with what it lies in: the error is EBUSY.
func (d *Dir) RemoveAll(name string) error { return d.RemoveKnown(name, nil) }

// RemoveKnown is RemoveAll for a directory that must be a certain one: known is asked about it once it is
// open, so nothing that takes its name meanwhile is emptied. If it is another one the error is ESTALE. An
// empty directory, and what is no directory, goes without a question.
func (d *Dir) RemoveKnown(name string, known func(*Dir) (bool, error)) error {
	if err := single(name); err != nil {
		return d.wrong("remove", name, err)
	}
	err := repeat(func() error { return remove(d.handle, name) })
	switch {
	case err == nil || errors.Is(err, unix.ENOENT):
		return nil
	case !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST):
		return d.wrong("remove", name, err)
	}
	r := removal{top: d, known: known}
	defer r.close()
	return r.tree(name)
}

// removal goes down a tree with one open directory, and up by "..", which must be the one from where it came.
type removal struct {
	top *Dir
	// known may be nil.
	known func(*Dir) (bool, error)
	// handle is the present directory; way are the names down to it, and above what is above each of these.
	handle int
	way    []string
	above  []unix.Stat_t
	// refilled counts directories into which something came while they were emptied.
	refilled int
}

// mostRefilled bounds the work where another user continues to fill a directory.
const mostRefilled = 1000

func (r *removal) close() {
	if len(r.way) > 0 {
		_ = unix.Close(r.handle)
	}
}

func (r *removal) tree(name string) error {
	if err := r.down(name); err != nil {
		return err
	}
	if r.known != nil {
		is, err := r.known(&Dir{handle: r.handle, path: r.top.Join(name)})
		if err == nil && !is {
			err = unix.ESTALE
		}
		if err != nil {
			return r.top.wrong("remove", name, err)
		}
	}
	for len(r.way) > 0 {
		deeper, err := r.empty()
		if err != nil {
			return err
		}
		if deeper != "" {
			err = r.down(deeper)
		} else {
			err = r.up()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *removal) wrong(operation, name string, err error) error {
	return wrong(operation, filepath.Join(append(append([]string{r.top.path}, r.way...), name)...), err)
}

// down enters a directory of the present one. Nothing that is mounted is entered.
func (r *removal) down(name string) error {
	from := r.handle
	if len(r.way) == 0 {
		from = r.top.handle
	}
	var above unix.Stat_t
	if err := unix.Fstat(from, &above); err != nil {
		return r.wrong("stat", name, err)
	}
	handle, err := openWithin(from, name)
	if errors.Is(err, unix.EXDEV) {
		err = unix.EBUSY
	}
	if err != nil {
		return r.wrong("remove", name, err)
	}
	if len(r.way) > 0 {
		_ = unix.Close(from)
	}
	r.handle, r.way, r.above = handle, append(r.way, name), append(r.above, above)
	return nil
}

// openWithin opens a directory of the same mount for reading.
func openWithin(dir int, name string) (handle int, err error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	err = repeat(func() error {
		handle, err = unix.Openat2(dir, name, &unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS})
		return err
	})
	if !unsupported(err) {
		return handle, err
	}
	if handle, err = openat(dir, name, flags, 0); err != nil {
		return -1, err
	}
	var here, above unix.Stat_t
	if err = errors.Join(unix.Fstat(handle, &here), unix.Fstat(dir, &above)); err == nil && here.Dev != above.Dev {
		err = unix.EXDEV
	}
	if err != nil {
		_ = unix.Close(handle)
		return -1, err
	}
	return handle, nil
}

// empty removes what it can of the present directory, and names a directory in it that is not empty.
func (r *removal) empty() (deeper string, err error) {
	again, err := openat(r.handle, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", r.wrong("open", "", err)
	}
	listing := os.NewFile(uintptr(again), r.top.path)
	defer listing.Close()
	for {
		names, err := listing.Readdirnames(256)
		for _, name := range names {
			err := repeat(func() error { return remove(r.handle, name) })
			switch {
			case err == nil || errors.Is(err, unix.ENOENT):
			case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
				return name, nil // what is in it goes first; then the listing begins anew, and has what is left
			default:
				return "", r.wrong("remove", name, err)
			}
		}
		if len(names) > 0 {
			continue
		}
		if err != nil && !isEnd(err) {
			return "", r.wrong("readdir", "", err)
		}
		return "", nil
	}
}

// up leaves the present directory, and removes it.
func (r *removal) up() error {
	last := len(r.way) - 1
	name, above := r.way[last], r.above[last]
	handle := r.top.handle
	if last > 0 {
		var err error
		if handle, err = openat(r.handle, "..", unix.O_RDONLY|unix.O_DIRECTORY, 0); err != nil {
			return r.wrong("open", "..", err)
		}
		var now unix.Stat_t
		if err := unix.Fstat(handle, &now); err != nil || now.Dev != above.Dev || now.Ino != above.Ino {
			_ = unix.Close(handle)
			return r.wrong("remove", "", errors.Join(err, unix.ESTALE)) // somebody moved it meanwhile
		}
	}
	_ = unix.Close(r.handle)
	r.handle, r.way, r.above = handle, r.way[:last], r.above[:last]
	err := repeat(func() error { return unix.Unlinkat(handle, name, unix.AT_REMOVEDIR) })
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if last > 0 && r.refilled < mostRefilled && (errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST)) {
		r.refilled++
		return nil // the directory above comes to it again
	}
	return r.wrong("remove", name, err)
}
