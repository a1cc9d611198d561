package run

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// FinishAfterReboot ends a run that is rolled back, by way of a reboot into the previous system where one is
// owed.
func (x *Runner) FinishAfterReboot(ctx context.Context, failure error) runstate.Result {
	back, owed := x.State.owedReboot()
	if !owed || x.awaitJournal(ctx) != nil {
		return x.Finish(ctx, failure)
	}
	task := x.Task.Begin("reboot", "Reboot into the previous system")
	return x.AwaitReturn(ctx, x.Wait(ctx, back, task), task, failure)
}

// AwaitReturn rests where the reboot was asked for, and says so where it did not come.
func (x *Runner) AwaitReturn(ctx context.Context, err error, task *tasklog.Task, failure error) runstate.Result {
	if waits := Suspended(err); waits != nil {
		task.Done(waits.Error())
		return x.exitSuspended(waits)
	}
	stranded := fault.New(fault.Failed, "return-missing", "all is rolled back, but the machine does not run the previous system").WithCause(err).
		WithHint("boot that by hand")
	task.Fail(stranded)
	_ = x.Append(runstate.RecordStranded, runstate.TroubleRecord{Step: x.State.stepOfReturn(), Error: x.RecordOf(stranded)})
	return x.Finish(context.WithoutCancel(ctx), failure)
}

// stepOfReturn is the step whose reboot is to be taken back.
func (h *State) stepOfReturn() string {
	if h.Suspension != nil {
		return h.Suspension.Step
	}
	return h.Rebooted.Step
}
