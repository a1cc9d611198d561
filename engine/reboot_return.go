package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// finishAfterReboot ends a run that is put back, by way of a reboot into the system of before where one is owed.
func (x *runner) finishAfterReboot(ctx context.Context, failure error) Result {
	back, owed := x.state.owedReboot()
	if !owed || x.awaitJournal(ctx) != nil {
		return x.finish(ctx, failure)
	}
	task := x.task.Begin("reboot", "Reboot into the system of before")
	return x.awaitReturn(ctx, x.wait(ctx, back, task), task, failure)
}

// awaitReturn rests where the reboot was asked for, and says so where it did not come.
func (x *runner) awaitReturn(ctx context.Context, err error, task *tasklog.Task, failure error) Result {
	if waits := suspended(err); waits != nil {
		task.Done(waits.Error())
		return x.exitSuspended(waits)
	}
	stranded := fault.New(fault.Failed, "return-missing", "all is put back, but the machine does not run the system of before").WithCause(err).
		WithHint("boot that by hand")
	task.Fail(stranded)
	_ = x.append(runstate.RecordStranded, runstate.TroubleRecord{Step: x.state.stepOfReturn(), Error: x.recordOf(stranded)})
	return x.finish(context.WithoutCancel(ctx), failure)
}

// stepOfReturn is the step whose reboot is to be taken back.
func (h *runState) stepOfReturn() string {
	if h.Suspension != nil {
		return h.Suspension.Step
	}
	return h.Rebooted.Step
}
