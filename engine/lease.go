package engine

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// leased reports whether an undo, of this run or of an earlier one, needs the path, something below it, or what it lies in.
func (x *runner) leased(path string) bool {
	return runstate.AnyNeeds(runstate.LeasesOf(x.earlier), path) || runstate.AnyNeeds(x.state.leases(), path) || runstate.AnyNeeds(x.elsewhere(), path)
}

// leases are what the frames need that can still be undone.
func (h *runState) leases() []string {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	var paths []string
	for _, f := range h.frames {
		if !f.Undone && !f.OwesLast {
			paths = append(paths, f.Leases...)
		}
	}
	return paths
}

// supersedes gives the run the earlier ones whose undo may still be asked for, and what it calls when it has committed changes. held are
// the locks of this process.
func (e *Engine) supersedes(x *runner, earlier []*runstate.StoredRun, held *locks) {
	x.earlier = earlier
	x.supersede = func(ctx context.Context, task *tasklog.Task) {
		x.earlier = e.supersede(ctx, x.earlier, x.state.Begin, held, task)
	}
}

// supersede gives up what the undos of standing runs kept that share a lock with a later commit: nobody can ask for
// them any more. It gives back the runs that stand on. What cannot be given up now, because another gwe
// works on that target say, stands on too, and the next run or recovery tries again.
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
			task.Warn("what run " + p.Folder.ID() + " kept for its undo could not be given up: " + err.Error())
		}
	}
	return on
}

// release gives up what the undo of a past run kept, under that run's own locks; from then on it does not stand. Every
// part of it may happen twice. What lies in a directory that is another one by now is abandoned: the journal says so, and it is not tried again.
func (e *Engine) release(ctx context.Context, p *runstate.StoredRun, mine *locks) ([]runstate.AbandonedRecord, error) {
	own := &locks{around: mine}
	defer own.release()
	if err := e.claimPaths(own, p.Folder.ID(), p.Begin.WorksOn()); err != nil {
		return nil, err
	}
	compiled, err := e.program(p)
	if err != nil {
		return nil, err
	}
	opened, records, err := journal.Open(p.Folder.Journal())
	if err != nil {
		return nil, err
	}
	written := e.watched(opened)
	defer written.Close()
	history, err := replay(compiled, p.Folder, records)
	if err != nil {
		return nil, err
	}
	x := newRunner(e.config(), history, written)
	held, keeping := history.held(), false
	for _, f := range held {
		keeping = keeping || f.Part == "" && releases(f.node.StepType())
	}
	if keeping && !p.Releasing {
		if err := x.allIntact(held); err != nil {
			return nil, err
		}
		// Half of what an undo needs is no way back. Nobody can ask for it from here on, and who dies here is followed by a
		// recovery that goes on.
		if err := x.append(runstate.RecordReleasing, struct{}{}); err != nil {
			return nil, err
		}
		_ = p.Take(runstate.RecordReleasing, nil)
	}
	abandoned, err := x.releaseAll(ctx, held)
	if err != nil {
		return nil, err
	}
	if err := x.append(runstate.RecordReleased, runstate.ReleasedRecord{Abandoned: abandoned}); err != nil {
		return abandoned, err
	}
	_ = p.Take(runstate.RecordReleased, runstate.ReleasedRecord{Abandoned: abandoned})
	if history.needed() {
		return abandoned, nil
	}
	return abandoned, p.Folder.DropKept()
}

// releaseAll gives up what frames kept outside the run's folder. One that fails keeps no other one from it.
func (x *runner) releaseAll(ctx context.Context, frames []*frame) (abandoned []runstate.AbandonedRecord, err error) {
	var failures []error
	for _, f := range frames {
		if err := ctx.Err(); err != nil {
			return abandoned, errors.Join(append(failures, err)...)
		}
		err := x.releaseFrame(ctx, f, nil)
		if err == nil {
			continue
		}
		if left := x.abandon(f, err); left != nil {
			abandoned = append(abandoned, left...)
			continue
		}
		failures = append(failures, err)
	}
	return abandoned, errors.Join(failures...)
}

// releaseFrame gives up what a frame kept outside the run's folder.
func (x *runner) releaseFrame(ctx context.Context, f *frame, task *tasklog.Task) error {
	if f.Part != "" || f.OwesLast {
		return nil // it keeps nothing
	}
	err := x.understood(f)
	var run *stepRun
	if err == nil {
		run, err = x.environmentOf(f, false, task)
	}
	if err == nil {
		err = f.node.StepType().Release(ctx, run.Run, f.arguments, f.Memo)
	}
	if err == nil {
		return nil
	}
	return x.state.at(f.node, f.Rounds, fault.New(fault.Failed, "release-failed", "what it kept for its undo could not be removed").WithCause(err))
}

// releaseTail gives up what the frames behind the commit kept: when the run has ended, nobody can ask for their undo. That
// these steps ended well is made durable before, or recovery might undo what can no longer be undone.
func (x *runner) releaseTail(ctx context.Context) {
	if x.state.Committed < 0 {
		return
	}
	tail := x.state.open()
	if len(tail) == 0 {
		return
	}
	var err error
	closed := x.state.Closing
	switch {
	case x.gaveUp != nil:
		err = x.gaveUp
		x.folder.GiveUp(x.config.Now().Boot) // or each recovery would try it as a leftover
		x.task.Warn("what is kept still is not given up before " + x.folder.Downs() + " is removed")
	case !x.state.Closing: // once: a recovery that dies here again and again gets nowhere
		err = x.append(runstate.RecordClosing, struct{}{})
	}
	if err == nil {
		err = x.unwritten
	}
	for _, f := range tail {
		failure := err
		if failure == nil && !closed {
			failure = x.intact(f)
		}
		if failure == nil {
			failure = x.releaseFrame(ctx, f, x.task)
		}
		if left := x.abandon(f, failure); left != nil {
			for _, one := range left {
				x.task.Warn(one.Warning())
			}
			x.abandoned = append(x.abandoned, left...)
			continue
		}
		if failure != nil {
			f.Leftover = true // the next recovery tries again
			x.task.Warn(failure.Error())
		}
	}
}
