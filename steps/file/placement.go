package file

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// placement puts something new at a path and takes it away again. It is part of a memo.
type placement struct {
	Path string `json:"path"`
	// New is the hidden name of what is new until it takes its place; "" where the machine is as wanted already.
	New string `json:"new"`
	// Old is the hidden name of what was there from then on; "" where nothing was.
	Old string `json:"old,omitempty"`
	// Was tells what was there before from every other file; nil where nothing was, and in journals of older gwes.
	Was *openat.Identity `json:"was,omitempty"`
	// Order records the place of a new directory among the releases that it lies beside, where it does.
	Order order.Record `json:"order,omitzero"`
	// moved means that New is what was there before under another name, and is not recorded: an undo gives that name back.
	moved bool
}

// placementAt chooses the names; info is what is at the path now, nil where nothing is.
func placementAt(path string, run *step.Run, info fs.FileInfo) (placement, error) {
	chosen := placement{Path: path, New: beside(path, run, "new")}
	here, err := at(run, path)
	if err != nil || info == nil {
		here.close()
		return chosen, err
	}
	defer here.close()
	chosen.Old = beside(path, run, "old")
	was, err := here.identity()
	chosen.Was = &was
	return chosen, err
}

// among is the placement of a directory: where it comes to lie beside releases, it gets a place in their order.
func (p placement) among(run *step.Run) placement {
	p.Order = order.Beside(run, p.Path)
	return p
}

// destination looks at what is at the path, nil where nothing is, and makes sure that there is a folder to put it in.
func destination(machine step.Machine, verb, path string) (fs.FileInfo, error) {
	if path == "/" {
		return nil, fault.New(fault.Refused, verb+"-root", "nothing can take the place of the root of the file system").
			WithHint("name a path below it")
	}
	info, err := lstat(machine, path)
	if err != nil || info != nil {
		return info, err
	}
	folder, err := machine.Stat(filepath.Dir(path))
	if err != nil || !folder.IsDir() {
		return nil, fault.New(fault.Failed, verb+"-no-folder", "there is no folder %s to write in", filepath.Dir(path)).
			WithHint("make it in a step before: mkdir: { path: %s, parents: true }", filepath.Dir(path)).WithCause(err)
	}
	return nil, nil
}

// stays refuses to move away a folder on which something is mounted.
func stays(here spot, verb string, info fs.FileInfo) error {
	if !info.IsDir() || here.dir == nil {
		return nil
	}
	mounted, err := durable.MountedIn(here.dir, here.name)
	if err == nil && mounted != "" {
		err = mountPoint(verb, mounted, here.path)
	}
	return err
}

func mountPoint(verb, mounted, path string) error {
	return fault.New(fault.Refused, verb+"-mount-point", "something is mounted on %s, so %s must stay where it is", mounted, path).
		WithHint("unmount it first: umount %s", mounted)
}

// unmounted is for an Inspect: it refuses a rollback that would move a directory in which something is mounted.
func unmounted(here spot) error {
	if here.dir == nil {
		return nil
	}
	mounted, err := durable.MountedIn(here.dir, here.name)
	if err != nil || mounted == "" {
		return err
	}
	return fault.New(fault.Failed, "mounted-within", "cannot move %s: something is mounted on %s", here.path, mounted).
		WithHint("unmount it, then roll back again: umount %s", mounted)
}

// movable refuses what must not be moved out of its place: something is mounted on it, or an undo needs it.
func movable(machine step.Machine, leased func(string) bool, verb, path string, info fs.FileInfo) error {
	if info.IsDir() {
		mounted, err := durable.MountedAt(machine, path, info)
		if err != nil {
			return err
		}
		if mounted != "" {
			return mountPoint(verb, mounted, path)
		}
	}
	if leased != nil && leased(path) {
		return fault.New(fault.Refused, "path-leased", "%s is still needed to undo a run", path).
			WithHint("`gwe runs` marks the runs whose undo is kept; it is given up by the next commit with the same lock, or by `gwe forget`")
	}
	return nil
}

// places are the spots of a placement, open.
type places struct{ fresh, now, kept spot }

// open opens the directories of a placement; the new file of a move lies in another one.
func (p placement) open(run *step.Run) (places, error) {
	var open places
	var err error
	if open.now, err = at(run, p.Path); err != nil {
		return open, err
	}
	if filepath.Dir(p.New) == filepath.Dir(p.Path) {
		open.fresh = open.now.beside(p.New, filepath.Base(p.New))
	} else if open.fresh, err = at(run, p.New); err != nil {
		open.now.close()
		return open, err
	}
	open.kept = open.now.beside(p.Old, filepath.Base(p.Old))
	return open, nil
}

func (o places) close() {
	o.now.close()
	o.fresh.close()
}

// put gives what has the hidden name its place. Where neither side is a folder it takes the place of the old one at once:
// at every moment the path is the one or the other. A folder cannot be replaced so; for a moment nothing is at the path.
//
// It syncs twice: before the place changes, what was noted and kept, and the new content where there is some, without which
// a power cut could leave an empty file under the name; and behind that the names.
func (p placement) put(ctx context.Context, run *step.Run, content bool) error {
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	if err := note(run.Folder, open.fresh); err != nil {
		return err
	}
	if !p.moved {
		if err := made.Record(ctx, run, p.New); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	folders, err := p.secure(run, open)
	if err != nil {
		return unwritable(p.Path, err)
	}
	if err := p.Order.Install(filepath.Base(p.Path)); err != nil {
		return err
	}
	var ready []*openat.Dir
	if content || p.Old != "" || p.Order.Dir != "" {
		ready = []*openat.Dir{open.fresh.dir, open.now.dir}
	}
	if err := durable.SyncFileSystemsAt(ready, run.Folder); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Old != "" && !folders {
		return rename(open.fresh, open.now, true)
	}
	if folders {
		if err := moveTo(open.now, open.kept); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return rename(open.fresh, open.now, false)
}

// secure keeps the old file where there is one. folders tells that one of the two is a folder: then the old one is kept by its rename.
func (p placement) secure(run *step.Run, open places) (folders bool, err error) {
	if p.Old == "" {
		return false, nil
	}
	fresh, err := open.fresh.dir.Lstat(open.fresh.name)
	if err != nil {
		return false, err
	}
	old, err := open.now.dir.Lstat(open.now.name)
	if err != nil {
		return false, err
	}
	if fresh.IsDir() || old.IsDir() {
		return true, nil
	}
	return false, keep(run, open)
}

// undo takes away what put has placed and gives the old one its place back, whatever was done of it. What somebody else
// has put there since is left alone, and the undo fails. After the commit, what came into a directory or was changed since moves
// aside. same knows what was placed again by other means than its identity; it may be nil.
func (p placement) undo(ctx context.Context, run *step.Run, verb string, same func(fs.FileInfo) bool) error {
	if p.New == "" {
		return nil
	}
	if _, err := made.AsideOf(run, p.Path); err != nil {
		return err
	}
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	before, err := p.look(open)
	if err != nil {
		return err
	}
	if err := p.takeBack(run, open, verb, false, same); err != nil {
		return err
	}
	if before == (state{}) {
		// A later step may have moved it away, and could not be undone yet: when this undo comes again, it will know it.
		return p.Order.Undo()
	}
	// What is at the path is as before: from here on nothing asks for the note.
	forgotten := forget(run.Folder)
	if err := made.Discard(ctx, run, p.New, p.Path); err != nil {
		return errors.Join(&step.Leftover{Err: err}, durable.SyncDir(open.fresh.dir))
	}
	if err := errors.Join(p.Order.Undo(), forgotten); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// keptAt says for people where that is which was there before.
func (p placement) keptAt(kept fs.FileInfo) string {
	if kept == nil {
		return ""
	}
	return "; what was there before is kept as " + p.Old
}

// inspect reports whether what was there before is kept. What is at the path now may be anything: if it is not what was put there, it moves
// aside.
func (p placement) inspect(run *step.Run, verb string) error {
	if p.New == "" {
		return nil
	}
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	found, err := p.look(open)
	if err != nil {
		return err
	}
	if p.Old != "" && found.kept == nil {
		return fault.New(fault.Failed, verb+"-kept-gone", "%s is gone, which was at %s before", p.Old, p.Path).
			WithHint("see what removed it, and put it back there by hand")
	}
	return unmounted(open.now)
}

// inspectMoved reports besides whether what was placed is still there: it must go back.
func (p placement) inspectMoved(run *step.Run, verb string) error {
	if p.New == "" {
		return nil
	}
	now, err := at(run, p.Path)
	if err != nil {
		return err
	}
	defer now.close()
	ours, err := isNoted(run.Folder, now)
	there, missing := now.lstat()
	switch {
	case missing != nil:
		return missing
	case there != nil && err != nil:
		return err
	case there == nil && !run.Obscured, there != nil && !ours: // a program of the run may have removed it
		return fault.New(fault.Failed, verb+"-changed", "%s is no longer what was put there", p.Path).
			WithHint("see what else writes %s, and put there by hand what belongs there", p.Path)
	}
	return p.inspect(run, verb)
}

// cleared is the purpose of that hidden name, and a group of which no list has entries.
const cleared = "cleared"

// clearWay takes what is at the path of something that must come back to a hidden name: what a program of the run has put there, or what
// came there after the commit. Before the commit, what came there otherwise stays, and the undo fails.
func clearWay(run *step.Run, verb, path string) error {
	here, err := at(run, path)
	if err != nil {
		return err
	}
	defer here.close()
	there, err := here.lstat()
	if err != nil || there == nil {
		return err
	}
	if !run.AfterCommit && !run.Followed {
		return fault.New(fault.Failed, verb+"-changed", "something else is at %s by now", path).
			WithHint("move it away, then run: gwe recover")
	}
	if err := stays(here, verb, there); err != nil {
		return err
	}
	hidden := beside(path, run, cleared)
	return moveTo(here, here.beside(hidden, filepath.Base(hidden)))
}

// discardCleared removes what clearWay took away, or moves it aside if it came after the commit.
func discardCleared(ctx context.Context, run *step.Run, path string) error {
	if err := made.DiscardGroup(ctx, run, beside(path, run, cleared), path, cleared); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// state is what is at the three names; nil where nothing is.
type state struct{ fresh, now, kept fs.FileInfo }

func (p placement) look(open places) (found state, err error) {
	if found.fresh, err = open.fresh.lstat(); err != nil {
		return found, err
	}
	if found.now, err = open.now.lstat(); err != nil || p.Old == "" {
		return found, err
	}
	found.kept, err = open.kept.lstat()
	return found, err
}

// settle takes over, just before the commit, what later steps of the run made of modes and owners.
func (p placement) settle(ctx context.Context, run *step.Run) error {
	if p.New == "" {
		return nil
	}
	if run.Followed && !run.AfterCommit {
		if err := p.takeOver(ctx, run); err != nil && !step.IsParentChanged(err) {
			return err
		}
	}
	return made.Settle(ctx, run, p.Path)
}

// takeOver makes the run's own what a program of the run has put in the place of a file or a link, or written to it: so the run leaves it,
// and a manual rollback finds it as it was left.
func (p placement) takeOver(ctx context.Context, run *step.Run) error {
	placed, known, err := noted(run.Folder)
	if err != nil || !known || placed.Kind == unix.S_IFDIR {
		return err
	}
	now, err := at(run, p.Path)
	if err != nil {
		return err
	}
	defer now.close()
	info, err := now.lstat()
	if err != nil || info == nil || info.IsDir() {
		return err
	}
	if ours, err := isNoted(run.Folder, now); err != nil || ours && !made.Changed(run, p.Path) {
		return err
	}
	if err := made.Record(ctx, run, p.Path); err != nil {
		return err
	}
	return renote(run.Folder, now)
}

// keeps foresees what would move aside.
func (p placement) keeps(ctx context.Context, run *step.Run) (step.Keeping, error) {
	if p.New == "" {
		return step.Keeping{}, nil
	}
	now, err := at(run, p.Path)
	if err != nil {
		return step.Keeping{}, err
	}
	defer now.close()
	there, err := now.lstat()
	if err != nil || there == nil {
		return step.Keeping{Made: []string{p.Path}}, err
	}
	if ours, err := isNoted(run.Folder, now); err != nil || !ours && p.Old == "" {
		return step.Keeping{}, err // what took its place stays
	}
	return made.Keeps(ctx, run, p.Path, true)
}

// leases are the paths that undo needs.
func (p placement) leases() []string {
	if p.Old == "" {
		return nil
	}
	return []string{p.Old}
}

// release gives up what was kept.
func (p placement) release(run *step.Run) error {
	if p.Old == "" {
		return nil
	}
	return discardPath(run, p.Old)
}
