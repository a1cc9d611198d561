package made

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/step"
)

// Settle is for a Verify, just before the commit: modes and owners that later steps of the run gave to what
// is at path are the run's own, and so are change times. What was written since the step stays as it was
// recorded. It does nothing before a rollback.
//
// The result is not made durable: where a power cut takes it away, more is kept by a later rollback, and
// nothing is lost.
func Settle(ctx context.Context, run *step.Run, path string) error {
	dir, name, err := run.Dir(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || step.IsParentChanged(err) {
		return SettleAs(ctx, run, func(string) (int, string) { return Nowhere, "" })
	}
	if err != nil {
		return explain(err, "cannot look at what the step made")
	}
	defer dir.Close()
	return SettleAs(ctx, run, func(string) (int, string) { return dir.Descriptor(), name })
}

// Nowhere is what the argument at of SettleAs returns for a group that is not there.
const Nowhere = -1

// SettleAs is Settle for a list of several groups; at gives the open directory and the name of each one, or
// Nowhere. It keeps the directory open until it is called again.
func SettleAs(ctx context.Context, run *step.Run, at func(group string) (parent int, name string)) error {
	if run.AfterCommit {
		return nil
	}
	// A run that waited for a confirmation in between may come here twice.
	list := openRecorded(run.Directory)
	if list == nil {
		return nil
	}
	defer list.close()
	if list.stands(run.Directory, at) {
		return explain(forget(filepath.Join(run.Directory, settledName)), "cannot look at what the step made")
	}
	settled := create(filepath.Join(run.Directory, settledName))
	for list.peek() != nil {
		group := list.ahead.Group
		parent, name := at(group)
		if err := settled.settle(ctx, list, group, parent, name); err != nil {
			settled.drop()
			return explain(err, "cannot look at what the step made")
		}
	}
	return settled.Close()
}

// stands reports whether the list has one entry, of which a settled one would say nothing new: mode and owner
// are as they were recorded, and where its change time counts, the digest of its content tells the same.
func (r *reader) stands(directory string, at func(group string) (parent int, name string)) bool {
	if r.peek() == nil {
		return false
	}
	one := *r.ahead
	r.ahead = nil
	alone := r.peek() == nil
	r.rewind()
	if !alone || one.Path != "" {
		return false
	}
	if one.kind() == unix.S_IFREG {
		if _, recorded := (&sums{directory: directory}).of(one); !recorded {
			return false
		}
	}
	parent, name := at(one.Group)
	if parent == Nowhere {
		return true
	}
	status, err := statAt(parent, name)
	return err == nil && (status == nil || attributes{status.Mode, status.Uid, status.Gid} == one.attributes())
}

// settle copies a group, with the attributes that its entries have by now.
func (w *Writer) settle(ctx context.Context, list *reader, group string, parent int, name string) error {
	if parent == Nowhere {
		return list.group(ctx, group, func(e entry) error { return w.encoder.add(e) })
	}
	at := &descent{parent: parent, name: name}
	defer at.leave(-1)
	volatile := volatileAt(parent)
	return list.group(ctx, group, func(e entry) error {
		status := at.look(e)
		if status != nil && e.same(status, volatile) && e.untouched(status) {
			was := e.attributes()
			e.Mode, e.UID, e.GID, e.Changed, e.Settled = status.Mode, status.Uid, status.Gid, momentOf(status.Ctim), true
			if was != e.attributes() {
				e.Before = &was
			}
		}
		return w.encoder.add(e)
	})
}

// descent reads a tree along a list.
type descent struct {
	parent int
	name   string
	stack  []opened
}

// look gives the status of an entry; nil where it is not there, or not in a directory that can be read.
func (d *descent) look(e entry) *unix.Stat_t {
	directory, name := d.parent, d.name
	if e.Path != "" {
		var above string
		above, name = cut(e.Path)
		last := len(d.stack) - 1
		for last >= 0 && d.stack[last].path != above {
			last--
		}
		if last < 0 {
			return nil
		}
		d.leave(last)
		directory = d.stack[last].handle
	}
	status, err := statAt(directory, name)
	if err != nil || status == nil {
		return nil
	}
	if e.kind() == unix.S_IFDIR {
		if handle, err := openAt(directory, name, unix.O_RDONLY|unix.O_DIRECTORY); err == nil {
			d.stack = append(d.stack, opened{path: e.Path, handle: handle})
		}
	}
	return status
}

func (d *descent) leave(last int) {
	for len(d.stack)-1 > last {
		_ = unix.Close(d.stack[len(d.stack)-1].handle)
		d.stack = d.stack[:len(d.stack)-1]
	}
}
