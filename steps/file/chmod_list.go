package file

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

// formerly is one entry that changes, as it was. Name is below the directory of the path; JSON carries it as
// base64, for it may hold any byte.
type formerly struct {
	Name  []byte `json:"name"`
	Inode uint64 `json:"inode"`
	// Device is for a gwe from before there were versions of undo data: it looks for the entry on that
	// device.
	Device uint64 `json:"device,omitempty"`
	// Kind tells it where the number of the inode is Volatile, with Size and Modified. The device is no part
	// of it: after a reboot it may have another number.
	Kind       uint32 `json:"kind,omitempty"`
	Volatile   bool   `json:"volatile,omitempty"`
	Size       int64  `json:"size,omitempty"`
	Modified   int64  `json:"modified,omitempty"`
	Capability []byte `json:"capability,omitempty"`
	permissions
}

// each visits the entries that are to change, in the directory of the path: nothing is looked up by a path
// again.
func (w wantedPermissions) each(ctx context.Context, base *openat.Dir, recursive bool, visit func(formerly, *openat.Entry) error) (count int, err error) {
	changing := base.Volatile()
	var look func(dir *openat.Dir, name, way string) error
	look = func(dir *openat.Dir, name, way string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry, err := dir.Entry(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			return durable.Explain(err, "cannot look at %s", dir.Join(name))
		}
		defer entry.Close()
		status, err := entry.Stat()
		if err != nil {
			return err
		}
		count++
		before := permissionsIs(status)
		if w.after(before, status.Mode) != before {
			one := formerly{Name: []byte(way), permissions: before, Device: uint64(status.Dev), Inode: status.Ino, Kind: status.Mode & unix.S_IFMT, Volatile: changing}
			if changing && one.Kind != unix.S_IFDIR {
				one.Size, one.Modified = status.Size, status.Mtim.Nano()
			}
			if planted, err := dir.Planted(status); err != nil || planted {
				return errors.Join(err, dir.UnsafeHardLink(name, status))
			}
			if err := visit(one, entry); err != nil {
				return err
			}
		}
		if !recursive || status.Mode&unix.S_IFMT != unix.S_IFDIR {
			return nil
		}
		below, err := entry.Dir()
		if err != nil {
			return durable.Explain(err, "cannot read the directory %s", dir.Join(name))
		}
		defer below.Close()
		entry.Close()
		names, err := below.Names()
		if err != nil {
			return durable.Explain(err, "cannot read the directory %s", below.Path())
		}
		for _, name := range names {
			if err := look(below, name, way+"/"+name); err != nil {
				return err
			}
		}
		return nil
	}
	name := filepath.Base(w.path)
	return count, look(base, name, name)
}

// each reads the list of entries, and finds the directory of each, below that of the path. It is nil where it
// is not there any more.
func (m chmodMemo) each(run *step.Run, visit func(dir *openat.Dir, name string, one formerly) error) error {
	base, _, err := run.Dir(m.Path)
	if err != nil {
		return durable.Explain(err, "cannot open the directory of %s", m.Path)
	}
	defer base.Close()
	list, err := openList(run)
	if err != nil {
		return durable.Explain(err, "cannot read how %s was", m.Path)
	}
	defer list.Close()
	way := cursor{base: base}
	defer way.leave(0)
	lines := json.NewDecoder(bufio.NewReader(list))
	lines.DisallowUnknownFields()
	for count := 0; ; count++ {
		var one formerly
		if err := lines.Decode(&one); errors.Is(err, io.EOF) && count == m.Count {
			return nil
		} else if err != nil {
			return fault.New(fault.Errored, "chmod-list-unreadable", "the list of how %s was cannot be read after %d of %d entries", m.Path, count, m.Count).WithCause(err)
		}
		dir, name, err := way.to(string(one.Name))
		if err == nil {
			err = visit(dir, name, one)
		}
		if err != nil {
			return err
		}
	}
}

// listWriter writes the list, which is made with its first entry.
type listWriter struct {
	run    *step.Run
	file   *os.File
	buffer *bufio.Writer
}

func (w *listWriter) add(one formerly) error {
	if w.file == nil {
		err := w.run.MakeDirectory()
		if err == nil {
			w.file, err = regular.Open(filepath.Join(w.run.Directory, beforeName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		}
		if err != nil {
			return err
		}
		w.buffer = bufio.NewWriter(w.file)
	}
	return json.NewEncoder(w.buffer).Encode(one)
}

func (w *listWriter) close() error {
	if w.file == nil {
		return nil
	}
	return errors.Join(w.buffer.Flush(), w.file.Close())
}

// openList opens the list as Verify left it, or as Prepare wrote it.
func openList(run *step.Run) (io.ReadCloser, error) {
	settled, err := durable.ReadSealed(filepath.Join(run.Directory, settledBefore))
	if err != nil || settled != nil {
		return io.NopCloser(bytes.NewReader(settled)), err
	}
	return regular.Open(filepath.Join(run.Directory, beforeName), unix.O_RDONLY, 0)
}

// cursor goes through a tree in the order of a list, with the directories on the way open.
type cursor struct {
	base  *openat.Dir
	names []string
	dirs  []*openat.Dir
}

// to opens the directory of an entry; nil where that is not there, or no directory.
func (c *cursor) to(path string) (*openat.Dir, string, error) {
	names := strings.Split(path, "/")
	name := names[len(names)-1]
	names = names[:len(names)-1]
	keep := 0
	for keep < len(c.names) && keep < len(names) && c.names[keep] == names[keep] {
		keep++
	}
	c.leave(keep)
	for _, below := range names[keep:] {
		above := c.base
		if len(c.dirs) > 0 {
			above = c.dirs[len(c.dirs)-1]
		}
		dir, err := above.Sub(below)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			return nil, name, nil
		}
		if err != nil {
			return nil, name, durable.Explain(err, "cannot open %s", above.Join(below))
		}
		c.names, c.dirs = append(c.names, below), append(c.dirs, dir)
	}
	if len(c.dirs) > 0 {
		return c.dirs[len(c.dirs)-1], name, nil
	}
	return c.base, name, nil
}

func (c *cursor) leave(keep int) {
	for len(c.dirs) > keep {
		c.dirs[len(c.dirs)-1].Close()
		c.dirs, c.names = c.dirs[:len(c.dirs)-1], c.names[:len(c.names)-1]
	}
}

// find opens the entry where it is still the same file, or where replaced is true another one of its kind;
// nil where it is not. What it looked at is what is changed then.
func (f formerly) find(dir *openat.Dir, name string, replaced bool) (*openat.Entry, unix.Stat_t, error) {
	var status unix.Stat_t
	if dir == nil {
		return nil, status, nil
	}
	entry, err := dir.Entry(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, status, nil
	}
	if err != nil {
		return nil, status, durable.Explain(err, "cannot look at %s", dir.Join(name))
	}
	same := false
	if status, err = entry.Stat(); err == nil {
		same, err = f.is(dir, status, replaced)
	}
	if err != nil || !same {
		entry.Close()
		return nil, status, err
	}
	return entry, status, nil
}

// is reports whether what has this status is the entry. Where the inode does not tell, a user who can put
// things into the directory must not be able to have another one's file taken for it.
func (f formerly) is(dir *openat.Dir, status unix.Stat_t, replaced bool) (bool, error) {
	kind := f.Kind == 0 || status.Mode&unix.S_IFMT == f.Kind
	if status.Ino == f.Inode && kind {
		return true, nil
	}
	if !kind || f.Kind == 0 || !f.Volatile && !replaced {
		return false, nil
	}
	if f.Volatile && f.Modified != 0 && f.Size == status.Size && f.Modified == status.Mtim.Nano() && status.Nlink == 1 {
		return true, nil
	}
	untrusted, owner, err := dir.Untrusted()
	return !untrusted || int(status.Uid) == owner, err
}

// giveBack gives the entry its mode, owner and capabilities.
func (f formerly) giveBack(entry *openat.Entry) error {
	if err := f.permissions.give(entry); err != nil || f.Capability == nil {
		return err
	}
	return durable.Explain(entry.Attributes().Set(capability, f.Capability), "cannot give %s its capabilities back", entry.Path())
}
