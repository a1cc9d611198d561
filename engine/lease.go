package engine

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
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

// elsewhere are the same for this run, found out once: another state directory begins nothing here while it works.
func (x *runner) elsewhere() []string {
	x.lookElsewhere.Do(func() {
		x.leasesElsewhere = runstate.LeasedElsewhere(x.config.State, x.config.Place, x.state.Begin.Extents())
	})
	return x.leasesElsewhere
}

// giveUpAfterCommit notes before a rollback which frames after the commit cannot be undone: their types gave up what that would need when
// the run ended.
func (h *runState) giveUpAfterCommit() {
	if h.Committed < 0 {
		return
	}
	for _, f := range h.frames[h.Committed:] {
		f.GivenUp = f.Part == "" && !f.OwesLast && releases(f.node.StepType())
	}
}

// releases reports whether a type keeps something for its undo outside the run's folder.
func releases(stepType step.Type) bool {
	releaser, ok := stepType.(interface{ Releases() bool })
	return ok && releaser.Releases()
}
