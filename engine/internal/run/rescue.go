package run

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Rescue takes over where a group failed: the group is rolled back first, and only if all of it could be, its
// rescue runs; then the group counts as done. What is told to stop, or can no longer be journaled, is not
// rescued. It gives the failure that continues: the first one, also where the rescue failed too.
func (x *Runner) Rescue(ctx context.Context, n *program.Node, r runstate.Rounds, before int, failure error, task *tasklog.Task) error {
	if len(program.As[*program.Group](n).Rescue) == 0 || stopped(failure) != nil || ctx.Err() != nil || x.journalFailed() {
		return failure
	}
	open := x.State.openSince(before, n, r)
	for i, f := range open {
		if f.Node == n && f.Part == runstate.PartFinally {
			open = append(open[:i:i], open[i+1:]...) // it comes after the rescue
			break
		}
	}
	whole, err := x.putBackFrames(ctx, n, r, before, open, failure, task)
	if err != nil || !whole {
		return failure
	}
	record := x.RecordOf(failure)
	if err := x.note(runstate.RecordRescue, runstate.TroubleRecord{Step: n.Path(), Rounds: r, Error: record}); err != nil {
		return failure
	}
	rescue := x.begin(task, "rescue", "Rescue", n, r)
	rescue.Info("because of: " + record.Message)
	err = x.List(ctx, program.As[*program.Group](n).Rescue, r, rescue)
	if err == nil || stopped(err) != nil {
		rescue.Done("")
		return err
	}
	rescue.Fail(err)
	_ = x.note(runstate.RecordMishap, runstate.TroubleRecord{Step: n.Path(), Rounds: r, Error: x.RecordOf(err)})
	return failure
}
