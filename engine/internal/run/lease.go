package run

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// leased reports whether an undo, of this run or of an earlier one, needs the path, something below it, or
// what it lies in.
func (x *Runner) leased(path string) bool {
	return runstate.AnyNeeds(runstate.LeasesOf(x.Earlier), path) || runstate.AnyNeeds(x.State.leases(), path) || runstate.AnyNeeds(x.Elsewhere(), path)
}

// leases are what the frames need that can still be undone.
func (h *State) leases() []string {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	var paths []string
	for _, f := range h.Frames {
		if !f.Undone && !f.OwesLast {
			paths = append(paths, f.Leases...)
		}
	}
	return paths
}

// ReleaseAll gives up what frames kept outside the run's directory. One that fails keeps no other one from
// it.
func (x *Runner) ReleaseAll(ctx context.Context, frames []*Frame) (abandoned []runstate.AbandonedRecord, err error) {
	var failures []error
	for _, f := range frames {
		if err := ctx.Err(); err != nil {
			return abandoned, errors.Join(append(failures, err)...)
		}
		err := x.ReleaseFrame(ctx, f, nil)
		if err == nil {
			continue
		}
		if left := x.Abandon(f, err); left != nil {
			abandoned = append(abandoned, left...)
			continue
		}
		failures = append(failures, err)
	}
	return abandoned, errors.Join(failures...)
}

// ReleaseFrame gives up what a frame kept outside the run's directory.
func (x *Runner) ReleaseFrame(ctx context.Context, f *Frame, task *tasklog.Task) error {
	if f.Part != "" || f.OwesLast {
		return nil // it keeps nothing
	}
	err := x.understood(f)
	var run *stepRun
	if err == nil {
		run, err = x.EnvironmentOf(f, false, task)
	}
	if err == nil {
		err = f.Node.StepType().Release(ctx, run.Run, f.Arguments, f.Memo)
	}
	if err == nil {
		return nil
	}
	return x.State.At(f.Node, f.Rounds, fault.New(fault.Failed, "release-failed", "what it kept for its undo could not be removed").WithCause(err))
}

// releaseTail gives up what the frames after the commit kept: when the run has ended, nobody can ask for
// their undo. That these steps ended well is made durable before, or recovery might undo what can no longer
// be undone.
func (x *Runner) releaseTail(ctx context.Context) {
	if x.State.Committed < 0 {
		return
	}
	tail := x.State.Open()
	if len(tail) == 0 {
		return
	}
	var err error
	closed := x.State.Closing
	switch {
	case x.GaveUp != nil:
		err = x.GaveUp
		x.Directory.GiveUp(x.Config.Now().Boot) // or each recovery would try it as a leftover
		x.Task.Warn("what is retained is not released before " + x.Directory.Downs() + " is removed")
	case !x.State.Closing: // once: a recovery that dies here again and again gets nowhere
		err = x.Append(runstate.RecordClosing, struct{}{})
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
			failure = x.ReleaseFrame(ctx, f, x.Task)
		}
		if left := x.Abandon(f, failure); left != nil {
			for _, one := range left {
				x.Task.Warn(one.Warning())
			}
			x.abandoned = append(x.abandoned, left...)
			continue
		}
		if failure != nil {
			f.Leftover = true // the next recovery tries again
			x.Task.Warn(failure.Error())
		}
	}
}

// Elsewhere are the same for this run, found out once: another state directory begins nothing here while it
// works.
func (x *Runner) Elsewhere() []string {
	x.lookElsewhere.Do(func() {
		x.leasesElsewhere = runstate.LeasedElsewhere(x.Config.State, x.Config.Place, x.State.Begin.Extents())
	})
	return x.leasesElsewhere
}

// GiveUpAfterCommit notes before a rollback which frames after the commit cannot be undone: their types gave
// up what that would need when the run ended.
func (h *State) GiveUpAfterCommit() {
	if h.Committed < 0 {
		return
	}
	for _, f := range h.Frames[h.Committed:] {
		f.GivenUp = f.Part == "" && !f.OwesLast && Releases(f.Node.StepType())
	}
}

// Releases reports whether a type keeps something for its undo outside the run's directory.
func Releases(stepType step.Type) bool {
	releaser, ok := stepType.(interface{ Releases() bool })
	return ok && releaser.Releases()
}
