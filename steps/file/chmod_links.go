package file

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps/placement"
)

// Overlayfs copies a file to its upper layer when its mode or owner changes. Without an index, each name of a
// file with several ones gets a copy of its own: the hard links are lost.

// splits counts the files that lost their other names.
type splits struct {
	count int
	first string
}

// look compares a file with what it was before its mode or owner changed.
func (s *splits) look(entry *openat.Entry, before unix.Stat_t) error {
	if before.Nlink < 2 || before.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	now, err := entry.Stat()
	if err == nil && now.Nlink == 1 {
		if s.count++; s.count == 1 {
			s.first = entry.Path()
		}
	}
	return err
}

func (s *splits) tell(log *tasklog.Task, path string) {
	if s.count > 0 {
		log.Warn(fmt.Sprintf("%s had several names, and %d more below %s: the overlay file system made each a file of its own. Names that are elsewhere keep the old mode "+
			"and owner, and no undo links them again", s.first, s.count-1, path))
	}
}

// copiedUp reports whether a file may be the one that is meant, with the inode number of its copy in the
// upper layer of an overlayfs.
func (f formerly) copiedUp(status unix.Stat_t) bool {
	return f.Volatile && f.Modified != 0 && f.Kind == status.Mode&unix.S_IFMT && f.Size == status.Size && f.Modified == status.Mtim.Nano() && status.Nlink == 1
}

// origin is what the names of one file had in common.
type origin struct{ device, inode uint64 }

// splitLinks are the names of files that were one and may not be any more, in the order of the list.
type splitLinks map[origin][]formerly

// add takes in an entry whose number of the inode is another one by now.
func (l splitLinks) add(one formerly, status unix.Stat_t) {
	if one.copiedUp(status) && one.Kind == unix.S_IFREG && (status.Ino != one.Inode || uint64(status.Dev) != one.Device) {
		at := origin{one.Device, one.Inode}
		l[at] = append(l[at], one)
	}
}

// join links the names of each file again that have the same content and attributes still. It may be called
// again after a kill.
func (l splitLinks) join(run *step.Run, path string) error {
	base, _, err := run.Dir(path)
	if err != nil {
		return durable.Explain(err, "cannot open the directory of %s", path)
	}
	defer base.Close()
	for _, names := range l {
		for _, other := range names[1:] {
			if err := rejoin(run, base, string(names[0].Name), string(other.Name)); err != nil {
				return durable.Explain(err, "cannot link %s again", base.Join(string(other.Name)))
			}
		}
	}
	return nil
}

// rejoin gives a name to another file, where both are alike, in the place of its own. Where another user
// could put something in the way, or the file system makes no link, the two stay files of their own.
func rejoin(run *step.Run, base *openat.Dir, first, other string) error {
	from, err := base.Below(filepath.Dir(first))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := base.Below(filepath.Dir(other))
	if err != nil {
		return err
	}
	defer to.Close()
	for _, dir := range []*openat.Dir{from, to} {
		if untrusted, _, err := dir.Untrusted(); err != nil || untrusted {
			return err
		}
	}
	name, target := filepath.Base(first), filepath.Base(other)
	if !(&comparison{overrides: asItIs, machine: run.Machine, twins: map[inode]inode{}}).same(from, name, to, target) {
		return nil
	}
	self, err := to.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	was, err := self.Stat()
	if err != nil {
		return err
	}
	hidden := filepath.Base(placement.Hidden(other, run, "link"))
	if err := durable.RemoveAt(to, hidden); err != nil {
		return err
	}
	if err := from.Link(name, to, hidden); err != nil {
		run.Log.Warn(fmt.Sprintf("%s stays a file of its own: %v", to.Join(target), err))
		return nil
	}
	if err := to.Rename(hidden, to, target); err != nil {
		return err
	}
	return self.Utimes(unix.Timespec{Nsec: unix.UTIME_OMIT}, was.Mtim)
}
