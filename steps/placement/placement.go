package placement

import (
	"context"
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// Placement puts something new at a path and takes it away again. It is part of a memo, and encoding/json
// carries it.
type Placement struct {
	Path string `json:"path"`
	// New is the hidden name of what is new until it takes its place; "" where the machine is as wanted
	// already.
	New string `json:"new"`
	// Old is the hidden name of what was there from then on; "" where nothing was.
	Old string `json:"old,omitempty"`
	// Was tells what was there before from every other file; nil where nothing was, and in journals of older
	// gwes.
	Was *openat.Identity `json:"was,omitempty"`
	// Order records the place of a new directory among the releases that it lies beside, where it does.
	Order order.Record `json:"order,omitzero"`
	// moved means that New is what was there before under another name, and is not recorded: an undo gives
	// that name back.
	moved bool
}

// Moving is the placement of what has the path from, by renaming it: an undo gives it that name again.
func (p Placement) Moving(from string) Placement {
	p.New, p.moved = from, true
	return p
}

// New chooses the names; info is what is at the path now, nil where nothing is.
func New(path string, run *step.Run, info fs.FileInfo) (Placement, error) {
	here, err := At(run, path)
	if err != nil {
		return Placement{}, err
	}
	defer here.Close()
	return NewAt(here, run, info)
}

// NewAt is New for a location whose directory is open.
func NewAt(here Location, run *step.Run, info fs.FileInfo) (Placement, error) {
	path := here.Path
	chosen := Placement{Path: path, New: Hidden(path, run, "new")}
	if info == nil {
		return chosen, nil
	}
	chosen.Old = Hidden(path, run, "old")
	was, err := here.Identity()
	chosen.Was = &was
	return chosen, err
}

// Among is the placement of a directory: where it comes to lie beside releases, it gets a place in their
// order.
func (p Placement) Among(run *step.Run) Placement {
	p.Order = order.Beside(run, p.Path)
	return p
}

// places are the locations of a placement, open.
type places struct{ fresh, now, kept Location }

// open opens the directories of a placement; the new file of a move lies in another one.
func (p Placement) open(run *step.Run) (places, error) {
	var open places
	var err error
	if open.now, err = At(run, p.Path); err != nil {
		return open, err
	}
	if filepath.Dir(p.New) == filepath.Dir(p.Path) {
		open.fresh = open.now.Beside(p.New)
	} else if open.fresh, err = At(run, p.New); err != nil {
		open.now.Close()
		return open, err
	}
	open.kept = open.now.Beside(p.Old)
	return open, nil
}

func (o places) close() {
	o.now.Close()
	o.fresh.Close()
}

// Write makes a new file under its hidden name.
func (p Placement) Write(run *step.Run, content []byte, mode fs.FileMode, uid, gid int) error {
	dir, name, err := run.Dir(p.New)
	if err != nil {
		return Unwritable(p.Path, err)
	}
	defer dir.Close()
	file, err := dir.Create(name, 0o600)
	if err != nil {
		return Unwritable(p.Path, err)
	}
	defer file.Close()
	_, err = file.Write(content)
	if err == nil {
		err = file.Chown(uid, gid)
	}
	if err == nil { // a change of owner clears setuid, so the mode comes last
		err = file.Chmod(mode)
	}
	if err != nil {
		return Unwritable(p.Path, err)
	}
	return nil
}

// Put gives what has the hidden name its place. Where neither side is a directory it takes the place of the
// old one at once: at every moment the path is the one or the other. A directory cannot be replaced so; for a
// moment nothing is at the path.
//
// It syncs twice: before the place changes, what was noted and kept, and the new content where there is some,
// without which a power cut could leave an empty file under the name; and after that the names. content tells
// that there is some.
func (p Placement) Put(ctx context.Context, run *step.Run, content bool) error {
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	return p.put(ctx, run, open, content)
}

// PutAt is Put for what has the hidden name in the open directory of a location.
func (p Placement) PutAt(ctx context.Context, run *step.Run, here Location, content bool) error {
	return p.put(ctx, run, places{here.Beside(p.New), here.Beside(p.Path), here.Beside(p.Old)}, content)
}

func (p Placement) put(ctx context.Context, run *step.Run, open places, content bool) error {
	fresh, err := open.fresh.Directory()
	if err != nil {
		return err
	}
	if p.moved {
		err = made.Note(run, fresh, open.fresh.Name)
	} else {
		err = made.NoteAndRecord(ctx, run, fresh, open.fresh.Name)
	}
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	directories, err := p.secure(run, open)
	if err != nil {
		return Unwritable(p.Path, err)
	}
	if err := p.Order.Install(filepath.Base(p.Path)); err != nil {
		return err
	}
	var ready []*openat.Dir
	if content || p.Old != "" || p.Order.Dir != "" {
		ready = []*openat.Dir{open.fresh.Dir}
		if open.now.Dir != open.fresh.Dir {
			ready = append(ready, open.now.Dir)
		}
	}
	if err := durable.SyncFileSystemsAt(ready, run.Directory); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Old != "" && !directories {
		return Rename(open.fresh, open.now, true)
	}
	if directories {
		if err := Move(open.now, open.kept); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return Rename(open.fresh, open.now, false)
}

// secure keeps the old file where there is one. directories reports that one of the two is a directory: then
// the old one is kept by its rename.
func (p Placement) secure(run *step.Run, open places) (directories bool, err error) {
	if p.Old == "" {
		return false, nil
	}
	fresh, err := open.fresh.Dir.Lstat(open.fresh.Name)
	if err != nil {
		return false, err
	}
	old, err := open.now.Dir.Lstat(open.now.Name)
	if err != nil {
		return false, err
	}
	if fresh.IsDir() || old.IsDir() {
		return true, nil
	}
	if err := keep(run, open); err != nil {
		return false, err
	}
	return false, tellSplit(run, open, old)
}
