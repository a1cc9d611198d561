package engine

import (
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// settledElsewhere refuses a run while one of another state directory has not ended on the directories that
// this one has claimed. It records that the runs of this state directory work there, and puts the run in
// order with those of the others.
func (e *Engine) settledElsewhere(held *locks, begin *runstate.BeginRecord, earlier []*runstate.StoredRun) error {
	if held.claim == nil {
		return nil
	}
	extents := held.claim.Extents()
	for _, extent := range extents {
		if extent.Real != extent.Name && !slices.Contains(begin.Places, extent.Real) {
			begin.Places = append(begin.Places, extent.Real)
		}
	}
	for _, p := range earlier {
		begin.Order = max(begin.Order, p.Begin.Order)
	}
	states := e.place().States()
	for _, n := range runstate.Among(e.State, states, extents) {
		if err := n.RefuseUnfinished(); err != nil {
			return err
		}
		for _, p := range n.Runs {
			begin.Order = max(begin.Order, p.Begin.Order)
		}
		if n.Gone {
			if len(n.Known.Unfinished) > 0 {
				begin.Forgotten = append(begin.Forgotten, n.Known)
			}
			e.place().Drop(n.Known)
		}
	}
	e.place().Tidy(states)
	begin.Order++
	return e.place().Record(e.State.Directory, begin.WorksOn())
}

// warnOfForgotten names the runs that had begun on the targets and whose state directory was removed.
func warnOfForgotten(x *run.Runner, forgotten []claim.Known) {
	for _, known := range forgotten {
		x.Task.Warn("run " + strings.Join(known.Unfinished, ", ") + " of the state directory " + known.State + " had begun on " + runstate.Listed(known.Targets) +
			", and that directory was removed: what the run changed cannot be undone by gwe")
	}
}

// covered refuses the rollback of a run on whose directories, below or above them, a later run has committed
// changes: the undo would take those along.
func (e *Engine) covered(p *runstate.StoredRun, standing []*runstate.StoredRun) error {
	id, extents := p.Directory.ID(), p.Begin.Extents()
	for _, later := range standing {
		if later.Directory.ID() > id && (runstate.SharesLock(later.Begin.Names(), p.Begin.Names()) || claim.AnyOverlaps(later.Begin.Extents(), extents)) {
			return fault.New(fault.Refused, "rollback-covered", "run %s was committed on top of run %s", later.Directory.ID(), id).
				WithHint("roll that one back first")
		}
	}
	if len(extents) == 0 {
		return nil
	}
	ids, _ := e.State.Runs()
	for _, other := range ids[min(len(ids), slices.Index(ids, id)+1):] {
		later, err := runstate.Peek(e.State, other)
		if err == nil && later != nil && later.IsInPlace() && claim.AnyOverlaps(later.Begin.Extents(), extents) {
			return runstate.CoveredForGood(id, other)
		}
	}
	for _, n := range runstate.Elsewhere(e.State, e.place(), extents) {
		for _, later := range n.Runs {
			switch {
			case !later.IsInPlace() || !p.IsBefore(later):
			case later.CanRollBack():
				return fault.New(fault.Refused, "rollback-covered", "run %s of the state directory %s was committed on top of run %s", later.Directory.ID(), n.State.Directory, id).
					WithHint("roll that one back first: `gwe rollback %s --state-dir %s`", later.Directory.ID(), n.State.Directory)
			default:
				return runstate.CoveredForGood(id, later.Directory.ID()+" of the state directory "+n.State.Directory)
			}
		}
	}
	return nil
}

// keepsFromRollback reports whether a run committed changes where an older one did that stands: it keeps that
// from being rolled back.
func (e *Engine) keepsFromRollback(id string, standing []*runstate.StoredRun) bool {
	p, err := runstate.Peek(e.State, id)
	return err == nil && p != nil && p.IsInPlace() && slices.ContainsFunc(standing, func(older *runstate.StoredRun) bool {
		return older.Directory.ID() < id && claim.AnyOverlaps(older.Begin.Extents(), p.Begin.Extents())
	})
}

// owedElsewhere refuses to work on the extents while a run of another state directory has not ended there.
func (e *Engine) owedElsewhere(extents []claim.Extent) error {
	for _, n := range runstate.Elsewhere(e.State, e.place(), extents) {
		if err := n.RefuseUnfinished(); err != nil {
			return err
		}
	}
	return nil
}

// removeEndedNotes takes away the notes that runs of this state directory had begun which have ended since:
// gwe may have died before it did so. One stays while the run may owe anything.
func (e *Engine) removeEndedNotes() {
	for _, run := range e.place().Unfinished(e.State.Directory) {
		if runstate.OwesNothing(e.State, run) {
			e.place().End(e.State.Directory, run)
		}
	}
}
