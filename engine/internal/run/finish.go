package run

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/process"
)

// Conclude turns the end of the forward path into the end of the run. From here on nothing can be cancelled.
func (x *Runner) Conclude(ctx context.Context, err error) runstate.Result {
	if waits := Suspended(err); waits != nil {
		return x.exitSuspended(waits)
	}
	if stopped(err) != nil {
		err = nil
	}
	if err == nil && ctx.Err() != nil && x.State.Committed < 0 {
		// Who asked for an end before the commit gets it, even when that came during the last step.
		err = runstate.Interruption(context.Cause(ctx))
	}
	if err == nil {
		err = x.settleOwed(ctx)
	}
	if err == nil {
		err = x.commitSilently(ctx)
	}
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		// Without the record that it turned back, a recovery continues after a wait, and commits what did all
		// its steps.
		waited, done := x.State.Suspension != nil, x.State.Committed < 0 && x.State.Complete()
		x.BeginRollback(err)
		if (waited || done) && x.awaitJournal(ctx) != nil {
			result := x.ExitUncertain(err)
			if !waited {
				result.Status = runstate.StatusBroken
			}
			return result
		}
		if why := x.outOfReach(); why != nil {
			return x.SuspendRollback(why)
		}
		if why := x.Unwind(ctx); why != nil {
			return x.SuspendRollback(why)
		}
	}
	return x.FinishAfterReboot(ctx, err)
}

// Finish runs failsafe where it is called for, and finally; then the run's last record is written. failure is
// the first error; nil where the run is good, or where it lies in the journal only.
func (x *Runner) Finish(ctx context.Context, failure error) runstate.Result {
	h := x.State
	result := runstate.Result{Run: x.Directory.ID(), Err: x.withoutSecrets(failure)}
	if h.Failure != nil && result.Err == nil && !h.Rollback {
		result.Err = h.Failure.Err()
	}
	for _, record := range h.UndoErrors {
		result.Others = append(result.Others, record.Err())
	}
	saved := false
	if h.broken() && len(x.Program.Failsafe) > 0 {
		errs, why := x.epilogue(ctx, runstate.RecordFailsafe, placeFailsafe, "Failsafe", x.Program.Failsafe)
		if why != nil {
			return x.SuspendRollback(why)
		}
		saved = len(errs) == 0
		result.Others = append(result.Others, errs...)
	}
	finally, why := x.epilogue(ctx, runstate.RecordFinally, placeFinally, "Finally", x.Program.Finally)
	if why != nil && h.Failure != nil {
		return x.SuspendRollback(why)
	}
	result.Others = append(result.Others, finally...)
	result.Status = x.status(saved, len(finally) == 0)
	x.unrecorded(&result)
	if h.Failure == nil {
		x.outputs(&result)
		if h.Stopped != nil {
			result.Stopped = h.Stopped.Text
		}
	}
	if h.Rollback {
		result.Kept = h.keptLater()
	}
	x.End(ctx, &result)
	return result
}

// broken reports whether something before the commit could not be rolled back. It alone calls for the
// failsafe.
func (h *State) broken() bool {
	return h.Failure != nil && h.Committed < 0 && (h.Stranded != nil || h.anyFrame(func(f *Frame) bool { return f.Broken }))
}

// status is how the run ends, as far as that is known before its last record is written.
func (x *Runner) status(saved, finallyGood bool) runstate.Status {
	h := x.State
	switch {
	case h.Failure == nil && finallyGood:
		return runstate.StatusDone
	case h.Failure == nil || h.Committed >= 0:
		return runstate.StatusCommitted
	case h.broken() && saved:
		return runstate.StatusFailsafe
	case h.broken():
		return runstate.StatusBroken
	case h.Rollback:
		return runstate.StatusRolledBack
	case fault.Class(h.Failure.Class) == fault.Refused && !h.anyFrame(func(f *Frame) bool { return f.Done }):
		return runstate.StatusRefused
	}
	return runstate.StatusRestored
}

// Unrecorded is the status of a run whose journal could not be written while it ended: nothing may claim that
// all is well, for the next recovery will not know what this process knows.
func (h *State) Unrecorded() runstate.Status {
	if h.Failure == nil {
		return runstate.StatusCommitted
	}
	return runstate.StatusBroken
}

// epilogue runs the steps of failsafe or finally, each one whatever became of the one before. why is set
// where a step met a lack of resources: the failsafe then has not been tried, and of finally a step could not
// begin.
func (x *Runner) epilogue(ctx context.Context, kind string, where runstate.Place, title string, nodes []*program.Node) (errs []error, why error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	x.Backward = true // nothing that fails from here on may stop the rest
	_ = x.note(kind, struct{}{})
	task := x.Task.Begin(string(where), title)
	var failure runstate.ErrorRecord
	if x.State.Failure != nil {
		failure = *x.State.Failure
	}
	lacking := starvedProcess
	if kind == runstate.RecordFailsafe {
		lacking = starved
	}
	for _, n := range nodes {
		err := x.auxiliary(ctx, n, nil, where, failure, false, task)
		if err != nil && !errors.Is(err, errWaits) {
			why = cmp.Or(why, runstate.Exhausted(lacking(err)))
			errs = append(errs, x.withoutSecrets(err))
		}
	}
	end(task, errors.Join(errs...))
	return errs, why
}

// outputs evaluates the recipe's outputs. The new version is in place by now, so an error does not undo it.
func (x *Runner) outputs(result *runstate.Result) {
	values, err := program.EvaluateAll(x.Program.Outputs, x.State.Own())
	if err != nil {
		result.Others = append(result.Others, fault.New(fault.Failed, "output-failed", "an output of the recipe cannot be evaluated").WithCause(x.withoutSecrets(err)))
		result.Status = runstate.StatusCommitted
		return
	}
	result.Outputs = values
}

// End gives up what nobody can ask for any more, writes the run's last record, and closes its task.
func (x *Runner) End(ctx context.Context, result *runstate.Result) {
	x.Backward = true
	x.releaseTail(ctx)
	process.Release(x.MarkOfRun()) // before the last record: nobody looks after an ended run
	if err := x.awaitJournal(ctx); err != nil {
		result.Status = x.State.Unrecorded()
		result.Others = append(result.Others, err)
	}
	if err := x.lastRecord(ctx, result); err != nil {
		// The next recovery finds a run without an end, and needs all that is kept.
		result.Status = x.State.Unrecorded()
		result.Others = append(result.Others, err)
	} else {
		x.ended(result)
	}
	result.Now = x.noteWatches(ctx)
	x.logResult(result)
}

// ended drops what only an unfinished run needs.
func (x *Runner) ended(result *runstate.Result) {
	_ = x.Journal.Release()
	x.forgetUnfinished(result.Status)
	if x.State.Needed() || result.Status == runstate.StatusBroken {
		return
	}
	if err := x.Directory.DropKept(); err != nil {
		x.Task.Warn("what the run kept for its undo could not be removed: " + err.Error())
	}
}

// lastRecord writes how the run ended: all of it, or, where that is more than the journal takes, the status
// and the first error alone. Without it a run is never over.
func (x *Runner) lastRecord(ctx context.Context, result *runstate.Result) error {
	brief := runstate.EndRecord{Status: result.Status, Stopped: result.Stopped, Leftovers: x.State.leftovers(), Abandoned: x.abandoned, At: time.Now().UTC()}
	if result.Err != nil {
		failure := x.RecordOf(result.Err)
		brief.Error = &failure
	}
	whole := brief
	for _, other := range result.Others {
		whole.Others = append(whole.Others, x.RecordOf(other))
	}
	whole.Outputs, _ = program.EncodeNamed(x.Program.Outputs, result.Outputs)
	err := x.Journal.Append(runstate.RecordEnd, whole)
	if unsure := (*journal.Unsure)(nil); err != nil && !errors.As(err, &unsure) {
		err = x.Journal.Append(runstate.RecordEnd, brief)
	}
	if err == nil {
		return nil
	}
	x.holdRecord(err)
	return x.awaitJournal(ctx)
}

// Needed reports whether what the run kept is needed on: by an undo by hand, by the next try to clean up, or
// by the person who must put right what an undo could not.
func (h *State) Needed() bool {
	return len(h.Held()) > 0 || h.anyFrame(func(f *Frame) bool { return f.Leftover || f.Broken })
}

// leftovers lists the frames whose undo left something of ours.
func (h *State) leftovers() []int {
	var left []int
	for _, f := range h.Frames {
		if f.Leftover && !f.Broken {
			left = append(left, f.Number)
		}
	}
	return left
}

// logResult closes the run's task with what people want to know first.
func (x *Runner) logResult(result *runstate.Result) {
	if result.Status == runstate.StatusDone || result.Status == runstate.StatusRolledBack {
		x.Task.Done(result.Stopped)
		return
	}
	said := map[runstate.Status]string{
		runstate.StatusCommitted: "the new version is in place, but a later step failed",
		runstate.StatusRefused:   "refused; nothing was changed",
		runstate.StatusRestored:  "failed; everything was rolled back",
		runstate.StatusFailsafe:  "failed; not everything could be rolled back; the failsafe is in place",
		runstate.StatusBroken:    "failed; not everything could be rolled back; manual intervention required",
	}[result.Status]
	first := result.Err
	if x.Recovers && result.Status == runstate.StatusRestored {
		// The run failed; this process did what it was for.
		x.Task.Done("everything was rolled back" + becauseOf(first))
		return
	}
	x.Task.Warn(said)
	if first == nil && len(result.Others) > 0 {
		first = result.Others[0]
	}
	if first == nil {
		first = fault.New(fault.Failed, "run-failed", "%s", said)
	}
	x.Task.Fail(first)
}

// becauseOf names the reason of a rollback within a line.
func becauseOf(err error) string {
	if err == nil {
		return ""
	}
	text := ", because: " + err.Error()
	if f := fault.As(err); f != nil {
		text += " [" + f.Code + "]"
	}
	return text
}
