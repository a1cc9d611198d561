package made

import (
	"context"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
)

// removal takes away the entries of one group, below one root.
type removal struct {
	parent   int
	name     string
	volatile bool
	sums     *sums
	group    string
	// stack are the open directories from the root down to the present entry.
	stack []opened
}

// opened is a directory on the way, which is ours.
type opened struct {
	path, name string
	handle     int
	device     uint64
	// mode is what it gets again where it stays; 0 where it was not changed.
	mode uint32
}

// remove takes away what the list's group has at the name in an open directory, where it is unchanged; left
// reports whether anything is still there.
func (r *reader) remove(ctx context.Context, sums *sums, parent int, name, group string) (left bool, err error) {
	w := &removal{parent: parent, name: name, group: group, sums: sums, volatile: volatileAt(parent)}
	err = r.group(ctx, group, w.entry)
	if closed := w.leaveTo(-1); err == nil {
		err = closed
	}
	if err != nil {
		return true, err
	}
	there, err := statAt(parent, name)
	return there != nil, err
}

// entry takes one entry away. What lies in a directory that is not ours any more is passed over.
func (w *removal) entry(e entry) error {
	directory, name, device, known, err := w.place(e.Path)
	if err != nil || !known {
		return err
	}
	status, err := statAt(directory, name)
	if err != nil || status == nil {
		return err
	}
	if e.kind() == unix.S_IFDIR {
		return w.enter(e, directory, name, device, status)
	}
	if !e.unchanged(status, w.volatile, func() (same, recorded bool) { return w.sums.match(e, directory, name) }) {
		return nil
	}
	return w.unlink(directory, name, 0)
}

// place gives the open directory that an entry lies in; known is false where that is not ours.
func (w *removal) place(path string) (directory int, name string, device uint64, known bool, err error) {
	if path == "" {
		return w.parent, w.name, 0, true, nil
	}
	above, name := cut(path)
	keep := len(w.stack) - 1
	for keep >= 0 && w.stack[keep].path != above && !strings.HasPrefix(above, w.stack[keep].path+"/") && w.stack[keep].path != "" {
		keep--
	}
	if err := w.leaveTo(keep); err != nil {
		return -1, "", 0, false, err
	}
	if keep < 0 || w.stack[keep].path != above {
		return -1, "", 0, false, nil
	}
	return w.stack[keep].handle, name, w.stack[keep].device, true, nil
}

// enter opens a directory that is ours. Nothing that is mounted on it is.
func (w *removal) enter(e entry, directory int, name string, device uint64, status *unix.Stat_t) error {
	if !e.same(status, w.volatile) || e.Path != "" && uint64(status.Dev) != device {
		return nil
	}
	one := opened{path: e.Path, name: name, device: uint64(status.Dev)}
	handle, err := openAt(directory, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.EACCES) && allow(directory, name, e, w.volatile) == nil {
		one.mode = status.Mode & 0o7777
		handle, err = openAt(directory, name, unix.O_RDONLY|unix.O_DIRECTORY)
	}
	if err != nil {
		return err
	}
	if is, err := statAt(handle, "."); err != nil || is == nil || is.Dev != status.Dev || is.Ino != status.Ino {
		_ = unix.Close(handle)
		return err // another one has taken its name meanwhile, which is not ours
	}
	one.handle = handle
	w.stack = append(w.stack, one)
	return nil
}

// allow lets a directory of ours be entered, of a user's own.
func allow(directory int, name string, e entry, volatile bool) error {
	found, err := openat.Borrow(directory, "").Entry(name)
	if err != nil {
		return err
	}
	defer found.Close()
	status, err := found.Stat()
	if err != nil || !e.same(&status, volatile) {
		return errors.Join(err, unix.EACCES)
	}
	return found.Chmod(status.Mode&0o7777 | 0o700)
}

// leaveTo leaves the open directories but for the first ones, and removes those that are empty.
func (w *removal) leaveTo(last int) error {
	for len(w.stack)-1 > last {
		one := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		above, name := w.parent, w.name
		if len(w.stack) > 0 {
			above, name = w.stack[len(w.stack)-1].handle, one.name
		}
		err := w.unlink(above, name, unix.AT_REMOVEDIR)
		if one.mode != 0 {
			_ = unix.Fchmod(one.handle, one.mode) // where it stays
		}
		_ = unix.Close(one.handle)
		if err != nil {
			return err
		}
	}
	return nil
}

// unlink removes a name. What keeps it there against our will, its directory's mode or a mark, is taken away
// where it can be; a directory with anything in it stays, and what is mounted.
func (w *removal) unlink(directory int, name string, flags int) error {
	remove := func() error { return durable.Repeat(func() error { return unix.Unlinkat(directory, name, flags) }) }
	err := remove()
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		w.loosen(directory, name)
		err = remove()
	}
	switch {
	case err == nil, errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST), errors.Is(err, unix.EBUSY):
		return nil
	}
	return &os.PathError{Op: "unlink", Path: name, Err: err}
}

// loosen lets an entry be removed from its directory, if that is ours too.
func (w *removal) loosen(directory int, name string) {
	if file, err := openAt(directory, name, unix.O_RDONLY|unix.O_NONBLOCK); err == nil {
		durable.Unmark(file)
		_ = unix.Close(file)
	}
	last := len(w.stack) - 1
	if last < 0 || w.stack[last].handle != directory {
		return
	}
	durable.Unmark(directory)
	var status unix.Stat_t
	if unix.Fstat(directory, &status) == nil && unix.Fchmod(directory, status.Mode&0o7777|0o700) == nil && w.stack[last].mode == 0 {
		w.stack[last].mode = status.Mode & 0o7777
	}
}

func cut(path string) (above, name string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", path
	}
	return path[:at], path[at+1:]
}
