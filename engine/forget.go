package engine

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
)

// Forget gives up what the undo of a committed run kept, and with it the way back; of a run that was rolled
// back by hand it removes what came after the commit and was moved aside. It refuses where nothing is kept,
// and where a later run still builds on what is: its undo needs the same paths.
func (e *Engine) Forget(ctx context.Context, id string) error {
	locks, err := e.lock()
	if err != nil {
		return err
	}
	defer locks.release()
	standing, settled, err := e.recoverAll(ctx, locks)
	if err == nil {
		err = runstate.NoneSuspended(settled) // it may have to go back to what is kept
	}
	if err != nil {
		return err
	}
	chosen, err := runstate.Choose(e.State, id)
	if err != nil {
		return err
	}
	for i, p := range standing {
		if p.Directory.ID() != chosen {
			continue
		}
		for _, later := range standing[i+1:] {
			for _, lease := range later.Leases() {
				if runstate.AnyOverlaps(lease, p.Leases()) {
					return fault.New(fault.Refused, "forget-needed", "the undo of run %s still needs %s, which run %s keeps", later.Directory.ID(), lease, chosen).
						WithHint("`gwe forget %s` first", later.Directory.ID())
				}
			}
		}
		abandoned, err := e.release(ctx, p, locks)
		if err == nil && len(abandoned) > 0 {
			return fault.New(fault.Failed, "forget-incomplete", "run %s can no longer be rolled back, but %s could not be removed: %s", chosen, abandoned[0].Path, abandoned[0].Why).
				WithHint("gwe does not try again: see where it is now, and remove it by hand; `gwe show %s` names all that stays", chosen)
		}
		return forgotten(e.State, p, err)
	}
	p, err := runstate.Peek(e.State, chosen)
	if err != nil {
		return runstate.DamagedRunOf(e.State, chosen, err).Fault()
	}
	if p != nil && p.Ended != nil {
		if later := p.Later(); len(later) > 0 {
			return e.forgetLater(p, later, locks)
		}
	}
	return e.notStanding(p, chosen)
}

// forgotten says what became of it where not all of it could be done: from the first record on there is no
// way back.
func forgotten(s State, p *runstate.StoredRun, err error) error {
	var unsure *journal.Unsure
	id := p.Directory.ID()
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unsure):
		return fault.New(fault.Errored, "forget-pending", "the journal of run %s cannot be written: whether its undo data is released is for the next recovery to tell", id).WithCause(err)
	case !p.CanRollBack():
		return fault.New(fault.Failed, "forget-incomplete", "run %s can no longer be rolled back, but not all that its undo kept could be removed", id).WithCause(err).
			WithHint("`gwe recover` tries again")
	}
	return runstate.NotBegun(s, err)
}
