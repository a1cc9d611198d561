package file

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
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
	// Order records the place of a new directory among the releases that it lies beside, where it does.
	Order order.Record `json:"order,omitzero"`
	// moved means that New is what was there before under another name, and is not recorded: an undo gives that name back.
	moved bool
}

// placementAt chooses the names; info is what is at the path now, nil where nothing is.
func placementAt(path string, run *step.Run, info fs.FileInfo) placement {
	chosen := placement{Path: path, New: beside(path, run, "new")}
	if info != nil {
		chosen.Old = beside(path, run, "old")
	}
	return chosen
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

// movable refuses what must not be moved out of its place: something is mounted on it, or an undo needs it.
func movable(machine step.Machine, leased func(string) bool, verb, path string, info fs.FileInfo) error {
	if info.IsDir() {
		mounted, err := durable.MountedAt(machine, path, info)
		if err != nil {
			return err
		}
		if mounted != "" {
			return fault.New(fault.Refused, verb+"-mount-point", "something is mounted on %s, so %s must stay where it is", mounted, path).
				WithHint("unmount it first: umount %s", mounted)
		}
	}
	if leased != nil && leased(path) {
		return fault.New(fault.Refused, "path-leased", "%s is still needed to undo a run", path).
			WithHint("`gwe runs` marks the runs whose undo is kept; it is given up by the next commit with the same lock, or by `gwe forget`")
	}
	return nil
}

// put gives what has the hidden name its place. Where neither side is a folder it takes the place of the old one at once:
// at every moment the path is the one or the other. A folder cannot be replaced so; for a moment nothing is at the path.
//
// It syncs twice: before the place changes, what was noted and kept, and the new content where there is some, without which
// a power cut could leave an empty file under the name; and behind that the names.
func (p placement) put(ctx context.Context, run *step.Run, content bool) error {
	if err := note(run.Folder, p.New); err != nil {
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
	folders := false
	if p.Old != "" {
		fresh, err := os.Lstat(p.New)
		if err != nil {
			return unwritable(p.Path, err)
		}
		old, err := os.Lstat(p.Path)
		if err != nil {
			return unwritable(p.Path, err)
		}
		if folders = fresh.IsDir() || old.IsDir(); !folders {
			if err := p.keep(run); err != nil {
				return unwritable(p.Path, err)
			}
		}
	}
	if err := p.Order.Install(filepath.Base(p.Path)); err != nil {
		return err
	}
	ready := []string{run.Folder}
	if content || p.Old != "" || p.Order.Dir != "" {
		ready = []string{filepath.Dir(p.New), filepath.Dir(p.Path), run.Folder}
	}
	if err := durable.SyncFileSystems(ready...); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.Old != "" && !folders {
		return durable.Rename(p.New, p.Path)
	}
	if folders {
		if err := durable.MoveNoReplace(p.Path, p.Old); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return durable.RenameNoReplace(p.New, p.Path)
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
	before, err := p.look(run.Machine)
	if err != nil {
		return err
	}
	if err := p.takeBack(run, verb, "", same); err != nil {
		return err
	}
	if before == (state{}) {
		// A later step may have moved it away, and could not be undone yet: when this undo comes again, it will know it.
		return p.Order.Undo()
	}
	if err := made.Discard(ctx, run, p.New, p.Path); err != nil {
		return errors.Join(&step.Leftover{Err: err}, durable.SyncFolder(filepath.Dir(p.New)))
	}
	if err := p.Order.Undo(); err != nil {
		return &step.Leftover{Err: err}
	}
	// From here on nothing asks for the note.
	if err := forget(run.Folder); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// takeBack is undo without the tidying up: what is ours at the path is renamed to aside, or where that is "" may be lost. A new
// folder that took nothing's place has its hidden name then, and is made durable with its removal.
func (p placement) takeBack(run *step.Run, verb, aside string, same func(fs.FileInfo) bool) error {
	found, err := p.look(run.Machine)
	if err != nil {
		return err
	}
	fresh, now, kept := found.fresh, found.now, found.kept
	note, placed, err := noted(run.Folder)
	if err != nil {
		return err
	}
	switch {
	case kept != nil && now != nil && os.SameFile(kept, now),
		kept != nil && now != nil && fresh != nil && !fresh.IsDir() && !kept.IsDir() && !run.AfterCommit:
		return removeFile(p.Old) // the kept one is a second name or a copy: the path was not touched
	case kept == nil && now == nil && fresh == nil && p.Old != "" && placed:
		return fault.New(fault.Failed, verb+"-kept-gone", "%s is gone, which was at %s before", p.Old, p.Path).
			WithHint("see what removed it, and put there by hand what belongs there")
	case kept == nil && (now == nil || fresh != nil):
		return nil // nothing was done, or it was undone already
	}
	ours := false
	if now != nil && fresh == nil && placed {
		if ours, err = isNoted(run.Folder, p.Path); err != nil {
			return err
		}
		// Where there was an old one and nothing is kept, it still has its place, or again.
		ours = ours || same != nil && (p.Old == "" || kept != nil) && same(now)
		if !ours && run.Followed && !run.AfterCommit && (p.Old == "" || kept != nil) && (!now.IsDir() || note.Kind == unix.S_IFDIR) {
			ours = true
			run.Log.Info(p.Path + " is something else by now: it goes, as what programs of the run change in place does")
		}
		if !ours && run.AfterCommit && aside == "" {
			if kept == nil && p.Old == "" {
				run.Log.Warn(p.Path + " stays: it came after the commit, in the place of what was put there")
				return nil
			}
			ours = kept != nil // it moves aside
		}
	}
	lost := aside == "" && now != nil && !now.IsDir() && !(run.AfterCommit && made.Changed(run, p.Path))
	switch {
	case ours && kept == nil && lost:
		return removeFile(p.Path)
	case ours && kept != nil && lost && !kept.IsDir():
		return durable.Rename(p.Old, p.Path)
	case ours:
		if err := movable(run.Machine, nil, verb, p.Path, now); err != nil {
			return err
		}
		away := durable.MoveNoReplace
		if aside != "" {
			away = durable.RenameNoReplace
		}
		if err := away(p.Path, cmp.Or(aside, p.New)); err != nil {
			return err
		}
	case now != nil && (kept != nil || p.Old == "" && placed):
		return fault.New(fault.Failed, verb+"-changed", "%s is neither what was there nor what was put there", p.Path).
			WithHint("see what else writes %s, and put there by hand what belongs there%s", p.Path, p.keptAt(kept))
	}
	if kept == nil {
		return nil
	}
	return durable.RenameNoReplace(p.Old, p.Path)
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
	found, err := p.look(run.Machine)
	if err != nil {
		return err
	}
	if p.Old != "" && found.kept == nil {
		return fault.New(fault.Failed, verb+"-kept-gone", "%s is gone, which was at %s before", p.Old, p.Path).
			WithHint("see what removed it, and put it back there by hand")
	}
	return made.Unmounted(run.Machine, p.Path)
}

// inspectMoved reports besides whether what was placed is still there: it must go back.
func (p placement) inspectMoved(run *step.Run, verb string) error {
	if p.New == "" {
		return nil
	}
	ours, err := isNoted(run.Folder, p.Path)
	there, missing := lstat(run.Machine, p.Path)
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
	there, err := lstat(run.Machine, path)
	if err != nil || there == nil {
		return err
	}
	if !run.AfterCommit && !run.Followed {
		return fault.New(fault.Failed, verb+"-changed", "something else is at %s by now", path).
			WithHint("move it away, then run: gwe recover")
	}
	if err := movable(run.Machine, nil, verb, path, there); err != nil {
		return err
	}
	return durable.MoveNoReplace(path, beside(path, run, cleared))
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

func (p placement) look(machine step.Machine) (found state, err error) {
	if found.fresh, err = lstat(machine, p.New); err != nil {
		return found, err
	}
	if found.now, err = lstat(machine, p.Path); err != nil || p.Old == "" {
		return found, err
	}
	found.kept, err = lstat(machine, p.Old)
	return found, err
}

// settle takes over, just before the commit, what later steps of the run made of modes and owners.
func (p placement) settle(ctx context.Context, run *step.Run) error {
	if p.New == "" {
		return nil
	}
	if run.Followed && !run.AfterCommit {
		if err := p.takeOver(ctx, run); err != nil {
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
	info, err := lstat(run.Machine, p.Path)
	if err != nil || info == nil || info.IsDir() {
		return err
	}
	if ours, err := isNoted(run.Folder, p.Path); err != nil || ours && !made.Changed(run, p.Path) {
		return err
	}
	if err := made.Record(ctx, run, p.Path); err != nil {
		return err
	}
	return renote(run.Folder, p.Path)
}

// keeps foresees what would move aside.
func (p placement) keeps(ctx context.Context, run *step.Run) (step.Keeping, error) {
	if p.New == "" {
		return step.Keeping{}, nil
	}
	there, err := lstat(run.Machine, p.Path)
	if err != nil || there == nil {
		return step.Keeping{Made: []string{p.Path}}, err
	}
	if ours, err := isNoted(run.Folder, p.Path); err != nil || !ours && p.Old == "" {
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
func (p placement) release() error {
	if p.Old == "" {
		return nil
	}
	return durable.Discard(p.Old)
}
