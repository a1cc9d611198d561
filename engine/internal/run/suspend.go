package run

import (
	"context"
	"errors"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// rebootPatience is how long the program may take that asks for a reboot. After that it counts as asked for.
const rebootPatience = time.Minute

// suspending ends this process's part of the run: what it waits for is durable.
type suspending struct{ text string }

func (s *suspending) Error() string { return "suspended: waits for " + s.text }

// Suspended reports whether an error is a suspension.
func Suspended(err error) *suspending {
	var waits *suspending
	if errors.As(err, &waits) {
		return waits
	}
	return nil
}

// Suspend begins to wait at a reboot or a confirm.
func (x *Runner) Suspend(ctx context.Context, n *program.Node, names map[string]any, task *tasklog.Task) error {
	record, err := program.As[*program.Waiting](n).Evaluate(names)
	if err != nil {
		return err
	}
	record.Step, record.ID, record.Attempt, record.Worked = n.Path(), n.ID(), 1, x.worked()
	record.ShownRecord = x.shown(n, nil)
	if why := x.Config.Unwatched(record.Cause); why != nil {
		task.Warn(why.Error())
	}
	return x.Wait(ctx, record, task)
}

// Wait journals what is awaited, and only then asks for the reboot. Its error is *suspending where all went
// well.
func (x *Runner) Wait(ctx context.Context, record runstate.SuspendedRecord, task *tasklog.Task) error {
	now := x.Config.Now()
	if now.Boot == "" {
		return fault.New(fault.Refused, "boot-unknown", "the kernel does not tell this boot from another: /proc/sys/kernel/random/boot_id cannot be read").
			WithHint("run gwe where /proc is mounted")
	}
	record.Boot, record.Since = now.Boot, now.Since
	process.Release(x.MarkOfRun())
	if err := x.reserveForWait(); err != nil {
		return err // whatever fills the disk while it waits could keep it from its way back
	}
	if err := x.Append(runstate.RecordSuspended, record); err != nil {
		var unsure *journal.Unsure
		if errors.As(err, &unsure) {
			x.Journal.Keep()
			x.State.TakeSuspended(record) // a recovery may find the record: see conclude
		}
		return err
	}
	if x.Backward && x.unwritten != nil {
		return x.unwritten // the next boot would not know what it is for
	}
	if err := x.askForReboot(ctx, record, task); err != nil {
		return err
	}
	return &suspending{record.Awaited()}
}

// askForReboot runs the program that reboots the machine. Whether the machine does so is told by the next
// boot, so a program that is still at it, or that went down with the machine, has asked.
func (x *Runner) askForReboot(ctx context.Context, record runstate.SuspendedRecord, task *tasklog.Task) error {
	if len(record.Command) == 0 {
		return nil
	}
	result, err := process.Run(context.WithoutCancel(ctx), process.Command{
		Arguments: record.Command, Directory: "/", Timeout: rebootPatience, KeepDaemons: true,
		Environment: append(process.BaseEnvironment(), "GWE_RUN_ID="+x.Directory.ID()),
		Output:      func(_, line string) { task.Output(line) },
		Filter:      task.Filter,
	})
	if f := fault.As(err); f != nil && f.Code == "process-timeout" || err == nil && result.Signal != 0 {
		return nil
	}
	if err == nil {
		err = result.Check(record.Command[0])
	}
	if err == nil {
		return nil
	}
	return fault.New(fault.Failed, "reboot-command", "the machine could not be told to reboot").WithCause(err).
		WithHint("name the program that reboots this machine: reboot: {command: [reboot], ...}")
}

// exitSuspended ends this process's part of a suspended run. Nothing is held and nothing runs: finally comes
// with the end.
func (x *Runner) exitSuspended(waits *suspending) runstate.Result {
	result := runstate.Result{Run: x.Directory.ID(), Status: runstate.StatusSuspended, Waits: waits.text}
	if x.State.Failure != nil {
		result.Err = x.State.Failure.Err()
	}
	x.Task.Done(waits.Error())
	return result
}

// ExitUncertain ends this process's part of a run whose journal failed at a suspension, at the commit, or at
// the beginning of a rollback. The next recovery may find the record of it, or may not, so nothing is put
// back: it finds a machine that fits both.
func (x *Runner) ExitUncertain(err error) runstate.Result {
	x.Task.Warn("the journal cannot be written: recovery is pending")
	x.Task.Fail(err)
	if x.Recovers {
		x.Directory.NoteFailure(x.withoutSecrets(err))
	}
	return runstate.Result{Run: x.Directory.ID(), Status: runstate.StatusPending, Err: x.withoutSecrets(err)}
}

// owedReboot gives the reboot that leads back into the previous system: the machine rebooted in the middle of
// a run that all rolled back since. Where something could not be rolled back nobody knows what would boot, so
// the machine stays reachable.
func (h *State) owedReboot() (runstate.SuspendedRecord, bool) {
	if h.Rebooted == nil || h.Failure == nil || h.Committed >= 0 || h.broken() {
		return runstate.SuspendedRecord{}, false
	}
	back := *h.Rebooted
	back.Cause, back.Attempt, back.ID = runstate.CauseReturn, 1, ""
	return back, true
}
