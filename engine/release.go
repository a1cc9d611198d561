package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// supersedes sets which earlier runs may still be undone by hand, and what the run calls when it has
// committed changes. held are the locks of this process.
func (e *Engine) supersedes(x *run.Runner, earlier []*runstate.StoredRun, held *locks) {
	x.Earlier = earlier
	x.Supersede = func(ctx context.Context, task *tasklog.Task) {
		x.Earlier = e.supersede(ctx, x.Earlier, x.State.Begin, held, task)
	}
}

// supersede gives up what the undos of standing runs kept that share a lock with a later commit: nobody can
// ask for them any more. It gives back the runs that stand on. What cannot be given up now, because another
// gwe works on that target say, stands on too, and the next run or recovery tries again.
func (e *Engine) supersede(ctx context.Context, standing []*runstate.StoredRun, begin runstate.BeginRecord, held *locks, task *tasklog.Task) []*runstate.StoredRun {
	var on []*runstate.StoredRun
	for _, p := range standing {
		if !p.CanRollBack() {
			continue
		}
		if !runstate.SharesLock(p.Begin.Names(), begin.Names()) {
			on = append(on, p)
			continue
		}
		abandoned, err := e.release(ctx, p, held)
		for _, one := range abandoned {
			task.Warn(one.Warning())
		}
		if err != nil {
			on = append(on, p)
			task.Warn("what run " + p.Directory.ID() + " retained for its undo could not be released: " + err.Error())
		}
	}
	return on
}

// release gives up what the undo of a past run kept, under that run's own locks; from then on it does not
// stand. Every part of it may happen twice. What lies in a directory that is another one by now is abandoned:
// the journal says so, and it is not tried again.
func (e *Engine) release(ctx context.Context, p *runstate.StoredRun, mine *locks) ([]runstate.AbandonedRecord, error) {
	own := &locks{around: mine}
	defer own.release()
	if err := e.claimPaths(own, p.Directory.ID(), p.Begin.WorksOn()); err != nil {
		return nil, err
	}
	compiled, err := e.program(p)
	if err != nil {
		return nil, err
	}
	opened, records, err := journal.Open(p.Directory.Journal())
	if err != nil {
		return nil, err
	}
	written := e.watched(opened)
	defer written.Close()
	history, err := run.Replay(compiled, p.Directory, records)
	if err != nil {
		return nil, err
	}
	x := run.New(e.config(), history, written)
	held, keeping := history.Held(), false
	for _, f := range held {
		keeping = keeping || f.Part == "" && run.Releases(f.Node.StepType())
	}
	if keeping && !p.Releasing {
		if err := x.AllIntact(held); err != nil {
			return nil, err
		}
		// Half of what an undo needs is no way back. Nobody can ask for it from here on, and who dies here is
		// followed by a recovery that continues.
		if err := x.Append(runstate.RecordReleasing, struct{}{}); err != nil {
			return nil, err
		}
		_ = p.Take(runstate.RecordReleasing, nil)
	}
	abandoned, err := x.ReleaseAll(ctx, held)
	if err != nil {
		return nil, err
	}
	if err := x.Append(runstate.RecordReleased, runstate.ReleasedRecord{Abandoned: abandoned}); err != nil {
		return abandoned, err
	}
	_ = p.Take(runstate.RecordReleased, runstate.ReleasedRecord{Abandoned: abandoned})
	if history.Needed() {
		return abandoned, nil
	}
	return abandoned, p.Directory.DropKept()
}
