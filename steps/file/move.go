package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Move is the step type move.
func Move() step.Type {
	return step.New(step.About{
		Name:    "move",
		Summary: "Move or rename a file, a link or a directory",
		Doc: `Within a file system it is a rename. To another one the copy is made as copy makes it, put in place, and what was moved is kept
under a hidden name beside its old place until the undo can no longer be asked for: so until then it takes space on both. A symbolic
link is moved itself.

to is the new path itself, not the directory to put it in; its directory must exist. Something that is there already is refused unless
replace is true; then it goes as a whole and is kept for the undo. A file takes the place of a file at once; a directory cannot, and for a
moment nothing is at the path.

Refused are also a directory on or below which something is mounted, what the undo of an earlier run still needs, and a move of a
directory into itself.

Undo puts the file or directory itself back, with what came into it, and what was replaced. What somebody else has put there since is left
alone, and the undo fails. From another file system comes back what was moved there; what came into the copy after the commit or was changed
since, a rollback by hand moves to .NAME.kept-RUN beside the copy.`,
		Example:  "move: { from: /var/lib/app/state.db, to: /srv/app/state.db }\n",
		Effects:  []step.Effect{{Kind: step.Removes, Argument: "from"}, {Kind: step.Writes, Argument: "to"}},
		Undo:     "moves it back, and restores what was replaced",
		UndoData: placement.UndoData,

		MakesDirectory: true,
	}, move{})
}

type move struct{}

// moveArguments are what a recipe gives.
type moveArguments struct {
	From    value.Path `name:"from" required:"true" help:"what to move"`
	To      value.Path `name:"to" required:"true" help:"its new path"`
	Replace bool       `name:"replace" default:"false" help:"whether what is there already may be replaced"`
}

// moveMemo is what the undo needs.
type moveMemo struct {
	placement.Placement
	From string `json:"from"`
	// Trash is the hidden name of what was moved, where it was copied to another file system.
	Trash string `json:"trash"`
	// Source is what is moved.
	Source openat.Identity `json:"source"`
}

// wantedMove is what is to be moved where.
type wantedMove struct {
	from, to      string
	source, found fs.FileInfo
}

func (a moveArguments) resolve(machine step.Machine, leased func(string) bool) (want wantedMove, err error) {
	if want.from, err = placement.Absolute(a.From); err != nil {
		return want, err
	}
	if want.to, err = placement.Absolute(a.To); err != nil {
		return want, err
	}
	if want.from == "/" {
		return want, fault.New(fault.Refused, "move-root", "the root of the file system cannot be moved").WithHint("name a path below it")
	}
	if want.source, err = placement.Lstat(machine, want.from); err != nil {
		return want, err
	}
	if want.source == nil {
		return want, fault.New(fault.Failed, "move-missing", "there is nothing at %s", want.from).
			WithHint("see what is there: ls -l %s", filepath.Dir(want.from))
	}
	if want.found, err = placement.Destination(machine, "move", want.to); err != nil {
		return want, err
	}
	if err := apart(machine, "move", want.from, want.to, want.source, want.found); err != nil {
		return want, err
	}
	if err := placement.Movable(machine, leased, "move", want.from, want.source); err != nil || want.found == nil {
		return want, err
	}
	return want, replaceable(machine, leased, "move", want.to, filepath.Base(want.from), want.source, want.found, a.Replace)
}

// crosses reports whether the new place is on another file system, as far as can be told beforehand.
func (w wantedMove) crosses(machine step.Machine) bool {
	directory, err := machine.Stat(filepath.Dir(w.to))
	if err != nil {
		return false
	}
	here, known := w.source.Sys().(*syscall.Stat_t)
	there, alsoKnown := directory.Sys().(*syscall.Stat_t)
	return known && alsoKnown && here.Dev != there.Dev
}

func (move) Plan(_ context.Context, machine step.Machine, arguments moveArguments) (step.Plan, error) {
	want, err := arguments.resolve(machine, nil)
	if err != nil {
		return step.Plan{}, missing(err, arguments.From)
	}
	plan := step.Plan{
		Do:   []string{fmt.Sprintf("move %s to %s", want.from, want.to)},
		Undo: []string{fmt.Sprintf("move %s back to %s", want.to, want.from)},
	}
	if want.crosses(machine) {
		size, _ := measure(machine, want.from, want.source)
		plan.Do = append(plan.Do, fmt.Sprintf("which is another file system: copy %s", value.SizeOf(size)))
		plan.Space = map[string]int64{filepath.Dir(want.to): size}
		plan.Reads, plan.Writes = size, size
	}
	if want.found != nil {
		plan.Undo = append(plan.Undo, "put the old "+want.to+" back")
	}
	return plan, nil
}

func (move) Prepare(_ context.Context, run *step.Run, arguments moveArguments) (moveMemo, error) {
	want, err := arguments.resolve(placement.Looking(run), run.Leased)
	if err != nil {
		return moveMemo{}, err
	}
	here, err := placement.At(run, want.from)
	if err != nil {
		return moveMemo{}, err
	}
	defer here.Close()
	source, err := here.Identity()
	if err != nil {
		return moveMemo{}, err
	}
	placed, err := placement.New(want.to, run, want.found)
	if err != nil {
		return moveMemo{}, err
	}
	memo := moveMemo{
		Placement: placed,
		From:      want.from, Trash: placement.Hidden(want.from, run, "trash"), Source: source,
	}
	if want.source.IsDir() {
		memo.Placement = memo.Among(run)
	}
	return memo, nil
}

func (move) Do(ctx context.Context, run *step.Run, arguments moveArguments, memo moveMemo) (step.Nothing, error) {
	if err := ctx.Err(); err != nil {
		return step.Nothing{}, err
	}
	want, err := arguments.resolve(placement.Looking(run), run.Leased)
	if err != nil {
		return step.Nothing{}, err
	}
	if !want.crosses(run.Machine) {
		if err = memo.Moving(memo.From).Put(ctx, run, false); !errors.Is(err, unix.EXDEV) {
			return step.Nothing{}, err
		}
		// What was kept of the old one goes back, and all begins again with a copy.
		if err := memo.Moving(memo.From).GoBack(run, "move"); err != nil {
			return step.Nothing{}, err
		}
	}
	if err := memo.duplicate(ctx, run); err != nil {
		return step.Nothing{}, err
	}
	if err := memo.Put(ctx, run, true); err != nil {
		return step.Nothing{}, err
	}
	if err := ctx.Err(); err != nil {
		return step.Nothing{}, err
	}
	return step.Nothing{}, placement.RenamePath(run, memo.From, memo.Trash)
}

// duplicate copies to another file system.
func (m moveMemo) duplicate(ctx context.Context, run *step.Run) error {
	from, err := placement.At(run, m.From)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.Directory(); err != nil {
		return err
	}
	if err := unplanted(from); err != nil {
		return durable.Explain(err, "cannot copy %s", m.From)
	}
	return duplicateForUndo(ctx, run, from, m.New, asItIs)
}

// IsDurable leaves nothing to sync: the copy and the renames were made durable in their order.
func (move) IsDurable() {}

// Undo first gives what was moved its old name back, from wherever it is, and then its place to what was
// replaced.
func (move) Undo(ctx context.Context, run *step.Run, _ moveArguments, memo moveMemo) (err error) {
	kept, err := placement.LookAt(run, memo.Trash)
	if err != nil {
		return err
	}
	if _, err := made.AsideOf(run, memo.From); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, placement.DiscardCleared(ctx, run, memo.From)) }()
	if kept != nil || memo.blocked(run) {
		if err := placement.ClearWay(run, "move", memo.From); err != nil {
			return err
		}
	}
	if kept != nil {
		if err := placement.RenamePath(run, memo.Trash, memo.From); err != nil {
			return err
		}
	}
	there, err := placement.LookAt(run, memo.From)
	if err != nil {
		return err
	}
	if there == nil {
		if err := memo.Moving(memo.From).GoBack(run, "move"); err != nil {
			return err
		}
		if there, err = placement.LookAt(run, memo.From); err != nil {
			return err
		}
		_, placed, err := placement.Noted(run.Directory)
		if err != nil {
			return err
		}
		if there == nil && placed {
			return fault.New(fault.Failed, "move-kept-gone", "what was moved from %s to %s is at neither", memo.From, memo.Path).
				WithHint("see what removed it, and put it back by hand")
		}
	}
	if err := memo.Undo(ctx, run, "move", nil); err != nil || there == nil {
		return err
	}
	if err := memo.Order.Undo(); err != nil {
		return &step.Leftover{Err: err}
	}
	if err := placement.Forget(run.Directory); err != nil { // it is back, and nothing asks for the note any more
		return &step.Leftover{Err: err}
	}
	return nil
}

// Inspect refuses a rollback where what was moved is not at its new place any more, or cannot go back to its
// old one.
func (move) Inspect(_ context.Context, run *step.Run, _ moveArguments, memo moveMemo) error {
	there, err := placement.LookAt(run, memo.From)
	if err != nil {
		return err
	}
	if there != nil && !run.Obscured {
		return fault.New(fault.Failed, "move-changed", "%s cannot go back to %s, where something else is now", memo.Path, memo.From).
			WithHint("move that away, then roll back again")
	}
	if there != nil {
		here, err := placement.At(run, memo.From)
		if err != nil {
			return err
		}
		defer here.Close()
		if err := placement.Stays(here, "move", there); err != nil {
			return err
		}
	}
	return memo.InspectMoved(run, "move")
}

// blocked reports whether what was moved is at its new place still, and something else at its old one.
func (m moveMemo) blocked(run *step.Run) bool {
	is := func(path string) (same, there bool) {
		here, err := placement.At(run, path)
		if err != nil {
			return false, false
		}
		defer here.Close()
		found, err := here.Identity()
		return err == nil && found.Is(m.Source), err == nil
	}
	moved, _ := is(m.Path)
	back, there := is(m.From)
	return moved && there && !back
}

// Keeps foresees what would move aside: what was moved within a file system goes back with all that is in it,
// and of a copy on another one, what came or was changed after the commit does. So does what came to the old
// place.
func (move) Keeps(ctx context.Context, run *step.Run, _ moveArguments, memo moveMemo) (step.Keeping, error) {
	kept, err := placement.LookAt(run, memo.Trash)
	if err != nil {
		return step.Keeping{}, err
	}
	keeping := step.Keeping{Made: []string{memo.Path}}
	if kept != nil {
		if keeping, err = memo.Keeps(ctx, run); err != nil {
			return keeping, err
		}
	}
	if run.Covered(memo.From) {
		return keeping, nil
	}
	cleared, err := made.KeepsGroup(ctx, run, memo.From, placement.Cleared, true)
	keeping.Later = append(keeping.Later, cleared.Later...)
	return keeping, err
}

// Verify refuses nothing: see made.Settle.
func (move) Verify(ctx context.Context, run *step.Run, _ moveArguments, memo moveMemo) error {
	return memo.Settle(ctx, run)
}

func (move) Leases(_ moveArguments, memo moveMemo) []string { return append(memo.Leases(), memo.Trash) }

func (move) Release(_ context.Context, run *step.Run, _ moveArguments, memo moveMemo) error {
	return errors.Join(memo.Release(run), placement.DiscardPath(run, memo.Trash))
}
