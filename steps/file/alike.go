package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/duplicate"
)

// inode is a file on this machine.
type inode struct{ device, number uint64 }

func inodeOf(status unix.Stat_t) inode { return inode{uint64(status.Dev), status.Ino} }

// comparison reports whether one tree is already the copy of another that duplicate would make. It goes down
// by descriptors: a tree may be deeper than any path.
type comparison struct {
	overrides
	machine step.Machine
	// twins maps a file with several names to its counterpart.
	twins map[inode]inode
}

// alike compares what is at two paths: kinds, content, modes, owners, times, extended attributes and hard
// links. What cannot be read is not alike.
func alike(machine step.Machine, from, to string, change overrides) bool {
	source, name, err := openat.OpenParent(from)
	if err != nil {
		return false
	}
	defer source.Close()
	target, other, err := openat.OpenParent(to)
	if err != nil {
		return false
	}
	defer target.Close()
	return (&comparison{change, machine, map[inode]inode{}}).same(source, name, target, other)
}

func (c *comparison) same(from *openat.Dir, name string, to *openat.Dir, other string) bool {
	was, err := from.Entry(name)
	if err != nil {
		return false
	}
	defer was.Close()
	is, err := to.Entry(other)
	if err != nil {
		return false
	}
	defer is.Close()
	source, sourceErr := was.Stat()
	target, targetErr := is.Stat()
	if sourceErr != nil || targetErr != nil || source.Mode&unix.S_IFMT != target.Mode&unix.S_IFMT || !c.sameStatus(source, target) || !duplicate.SameAttributes(was, is) {
		return false
	}
	switch source.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return c.sameEntries(was, is)
	case unix.S_IFLNK:
		ours, err := from.Readlink(name)
		theirs, otherErr := to.Readlink(other)
		return err == nil && otherErr == nil && ours == theirs
	case unix.S_IFREG:
		return source.Size == target.Size && c.sameContent(was, is)
	}
	return source.Rdev == target.Rdev
}

func (c *comparison) sameStatus(source, target unix.Stat_t) bool {
	uid, gid, mode := source.Uid, source.Gid, source.Mode&0o7777
	if c.uid >= 0 {
		uid = uint32(c.uid)
	}
	if c.gid >= 0 {
		gid = uint32(c.gid)
	}
	kind := source.Mode & unix.S_IFMT
	if c.mode != nil && kind != unix.S_IFLNK {
		mode = c.mode.apply(mode, kind == unix.S_IFDIR)
	}
	if uid != target.Uid || gid != target.Gid || mode != target.Mode&0o7777 || source.Mtim != target.Mtim {
		return false
	}
	if kind == unix.S_IFDIR || source.Nlink < 2 {
		return true
	}
	ours, theirs := inodeOf(source), inodeOf(target)
	twin, known := c.twins[ours]
	c.twins[ours] = theirs
	return !known || twin == theirs
}

// sameEntries closes both entries.
func (c *comparison) sameEntries(from, to *openat.Entry) bool {
	source, err := from.Dir()
	if err != nil {
		return false
	}
	defer source.Close()
	target, err := to.Dir()
	if err != nil {
		return false
	}
	defer target.Close()
	from.Close()
	to.Close()
	ours, err := source.Names()
	if err != nil {
		return false
	}
	theirs, err := target.Names()
	ours, theirs = slices.DeleteFunc(ours, durable.IsOwn), slices.DeleteFunc(theirs, durable.IsOwn)
	if err != nil || !slices.Equal(ours, theirs) {
		return false
	}
	return !slices.ContainsFunc(ours, func(name string) bool { return !c.same(source, name, target, name) })
}

// sameContent reads by the machine, which waits for no file system that does not answer.
func (c *comparison) sameContent(from, to *openat.Entry) bool {
	source, err := c.machine.Open(fmt.Sprintf("/proc/self/fd/%d", from.Descriptor()))
	if err != nil {
		return false
	}
	defer source.Close()
	target, err := c.machine.Open(fmt.Sprintf("/proc/self/fd/%d", to.Descriptor()))
	if err != nil {
		return false
	}
	defer target.Close()
	ours, theirs := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(source, ours)
		m, otherErr := io.ReadFull(target, theirs)
		if n != m || !bytes.Equal(ours[:n], theirs[:m]) {
			return false
		}
		if err != nil || otherErr != nil {
			return ended(err) && ended(otherErr)
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
