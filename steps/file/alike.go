package file

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/duplicate"
)

// inode is a file on this machine.
type inode struct{ device, number uint64 }

// comparison tells whether one tree is already the copy of another that duplicate would make.
type comparison struct {
	overrides
	machine step.Machine
	// twins maps a file with several names to its counterpart.
	twins map[inode]inode
}

// alike compares what is at two paths: kinds, content, modes, owners, times, extended attributes and hard links. What cannot be
// read is not alike.
func alike(machine step.Machine, from, to string, change overrides) bool {
	return (&comparison{change, machine, map[inode]inode{}}).same(from, to)
}

func (c *comparison) same(from, to string) bool {
	was, err := c.machine.Lstat(from)
	if err != nil {
		return false
	}
	is, err := c.machine.Lstat(to)
	if err != nil {
		return false
	}
	source, sourceKnown := was.Sys().(*syscall.Stat_t)
	target, targetKnown := is.Sys().(*syscall.Stat_t)
	if !sourceKnown || !targetKnown || was.Mode().Type() != is.Mode().Type() || !c.sameStatus(source, target, was) {
		return false
	}
	switch {
	case was.IsDir():
		return duplicate.SameAttributes(from, to) && c.sameEntries(from, to)
	case was.Mode()&fs.ModeSymlink != 0:
		return duplicate.SameAttributes(from, to) && c.sameTarget(from, to)
	case was.Mode().IsRegular():
		return was.Size() == is.Size() && duplicate.SameAttributes(from, to) && c.sameContent(from, to)
	}
	return source.Rdev == target.Rdev && duplicate.SameAttributes(from, to)
}

func (c *comparison) sameStatus(source, target *syscall.Stat_t, info fs.FileInfo) bool {
	uid, gid, mode := source.Uid, source.Gid, source.Mode&0o7777
	if c.uid >= 0 {
		uid = uint32(c.uid)
	}
	if c.gid >= 0 {
		gid = uint32(c.gid)
	}
	if c.mode != nil && info.Mode()&fs.ModeSymlink == 0 {
		mode = c.mode.apply(mode, info.IsDir())
	}
	if uid != target.Uid || gid != target.Gid || mode != target.Mode&0o7777 || source.Mtim != target.Mtim {
		return false
	}
	if info.IsDir() || source.Nlink < 2 {
		return true
	}
	ours, theirs := inode{uint64(source.Dev), source.Ino}, inode{uint64(target.Dev), target.Ino}
	twin, known := c.twins[ours]
	c.twins[ours] = theirs
	return !known || twin == theirs
}

func (c *comparison) sameEntries(from, to string) bool {
	ours, err := c.machine.ReadDir(from)
	if err != nil {
		return false
	}
	theirs, err := c.machine.ReadDir(to)
	ours = slices.DeleteFunc(ours, func(entry fs.DirEntry) bool { return isOurs(entry.Name()) })
	theirs = slices.DeleteFunc(theirs, func(entry fs.DirEntry) bool { return isOurs(entry.Name()) })
	if err != nil || len(ours) != len(theirs) {
		return false
	}
	for i, entry := range ours {
		if theirs[i].Name() != entry.Name() || !c.same(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())) {
			return false
		}
	}
	return true
}

func (c *comparison) sameTarget(from, to string) bool {
	ours, err := c.machine.ReadLink(from)
	if err != nil {
		return false
	}
	theirs, err := c.machine.ReadLink(to)
	return err == nil && ours == theirs
}

func (c *comparison) sameContent(from, to string) bool {
	source, err := c.machine.Open(from)
	if err != nil {
		return false
	}
	defer source.Close()
	target, err := c.machine.Open(to)
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
