package engine

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// resume looks at a suspended run: it is left alone, continues, or is rolled back. What ran before is read
// from the journal: reboot and confirm stand among the recipe's own steps, so all before them is over, and
// nothing after them is begun.
func (e *Engine) resume(ctx context.Context, p *runstate.StoredRun, earlier []*runstate.StoredRun, held *locks) (Result, error) {
	h, err := e.waitingHistory(p)
	if err != nil {
		return Result{}, err
	}
	held.name(p.Directory.ID())
	defer held.name("")
	e.countBoot(p, h)
	v := e.judge(ctx, h)
	if v.decision == waitOn {
		return e.keepWaiting(p, h, v)
	}
	if v.decision == goOn && h.Suspension.Cause != runstate.CauseReturn {
		behind := slices.Index(h.Program.Steps, h.Program.ByPath[h.Suspension.Step]) + 1
		if err := program.Lacking(h.Program, p.Directory.ID(), h.Program.Steps[behind:]); err != nil {
			if h.Suspension.Left(e.now()) > 0 {
				return Result{}, err
			}
			v.decision, v.failure = turnBack, err // or it would stay in between for good
		}
	}
	if err := roomToAct(); err != nil {
		return Result{}, err
	}
	targets := &locks{around: held}
	defer targets.release()
	if err := e.claimPaths(targets, p.Directory.ID(), p.Begin.WorksOn()); err != nil {
		return Result{}, err
	}
	x, err := e.open(p, "resume", fmt.Sprintf("Resume run %s of %s", p.Directory.ID(), p.Begin.Recipe))
	if err != nil {
		return Result{}, err
	}
	defer x.Close()
	e.supersedes(x, earlier, targets)
	// A run that an operator confirmed continues as one that was just begun, and ends so.
	x.Recovers = v.decision != goOn || !h.Suspension.Confirmed
	x.NoteUnfinished()
	if h.Suspension.Cause == runstate.CauseReturn {
		return endReturned(ctx, x, v), nil
	}
	return e.resumeForward(ctx, x, targets, v), nil
}

// waitingHistory rebuilds a suspended run from its journal, and leaves that alone.
func (e *Engine) waitingHistory(p *runstate.StoredRun) (*run.State, error) {
	compiled, err := e.program(p)
	if err != nil {
		return nil, err
	}
	h, err := run.Replay(compiled, p.Directory, p.Records)
	if err != nil {
		return nil, err
	}
	if n := compiled.ByPath[p.Suspension.Step]; h.Suspension == nil || n == nil || program.As[*program.Waiting](n) == nil {
		return nil, fault.New(fault.Errored, "journal-unreadable", "run %s waits for a step that its frozen recipe does not have", p.Directory.ID())
	}
	return h, nil
}

// countBoot tells the journal of a new boot before anything is asked of the machine. A question that takes it
// down would be asked in boot after boot, without end. A journal that cannot be written keeps no run from its
// deadline.
func (e *Engine) countBoot(p *runstate.StoredRun, h *run.State) {
	if next := h.Suspension.After(e.now()); next.Boot != h.Suspension.Waited.Boot && e.noteWait(p, next) == nil {
		h.Suspension.Waited = next
	}
}

// keepWaiting lets a run wait on. The journal is told how far it came, so that no boot begins the wait anew.
func (e *Engine) keepWaiting(p *runstate.StoredRun, h *run.State, v verdict) (Result, error) {
	result := Result{Run: p.Directory.ID(), Status: runstate.StatusSuspended, Waits: h.Suspension.Awaited()}
	if !h.Suspension.WorthJournaling(v.waited) {
		return result, nil
	}
	return result, e.noteWait(p, v.waited)
}

func (e *Engine) noteWait(p *runstate.StoredRun, waited runstate.WaitedRecord) error {
	opened, _, err := journal.Open(p.Directory.Journal())
	if err != nil {
		return err
	}
	written := e.watched(opened)
	defer written.Close()
	return written.Append(runstate.RecordWaited, waited)
}

// resumeForward takes the run up again at the step where it waited.
func (e *Engine) resumeForward(ctx context.Context, x *run.Runner, held *locks, v verdict) Result {
	s := x.State.Suspension
	if v.arrived && s.Cause == runstate.CauseReboot {
		x.State.Arrived = &s.SuspendedRecord
	}
	x.State.Left = v.left
	n := x.Program.ByPath[s.Step]
	asked := ctx
	ctx, cancel, err := x.Bounded(ctx)
	defer cancel()
	if err != nil {
		return x.Conclude(ctx, err)
	}
	task := x.BeginStep(x.Task, "step", x.Title(n, x.State.Names(n, nil, false)), n, nil)
	switch v.decision {
	case askAgain:
		err = waitAgain(ctx, x, v, task)
	case turnBack:
		err = v.failure
	default:
		err = journalResume(x, s, v, task)
	}
	if err != nil {
		if waits := run.Suspended(err); waits != nil {
			task.Done(waits.Error())
			return x.Conclude(ctx, waits)
		}
		err = x.State.At(n, nil, err)
		task.Fail(err)
		return x.Conclude(ctx, err)
	}
	behind := slices.Index(x.Program.Steps, n) + 1
	return e.endForward(asked, ctx, x, held, x.List(ctx, x.Program.Steps[behind:], nil, x.Task))
}

// journalResume journals that the wait is over. The way back has its space again before anything else is
// done.
func journalResume(x *run.Runner, s *runstate.Suspension, v verdict, task *tasklog.Task) error {
	if err := x.ReserveAgain(); err != nil {
		return err
	}
	if err := x.Append(runstate.RecordResumed, runstate.ResumedRecord{Step: s.Step, Boot: v.waited.Boot, PID: os.Getpid()}); err != nil {
		return err
	}
	task.Done(map[runstate.Cause]string{runstate.CauseReboot: "rebooted", runstate.CauseConfirm: "confirmed"}[s.Cause])
	return nil
}

// waitAgain asks for one more reboot.
func waitAgain(ctx context.Context, x *run.Runner, v verdict, task *tasklog.Task) error {
	next := x.State.Suspension.SuspendedRecord
	next.Attempt++
	task.Warn(fmt.Sprintf("%v; attempt %d of %d", v.failure, next.Attempt, next.Attempts))
	return x.Wait(ctx, next, task)
}

// endReturned takes a run to its end that was rolled back and waited for the reboot into the previous system.
func endReturned(ctx context.Context, x *run.Runner, v verdict) Result {
	x.Backward = true
	task := x.Task.Begin("reboot", "Reboot into the previous system")
	switch v.decision {
	case askAgain:
		return x.AwaitReturn(ctx, waitAgain(ctx, x, v, task), task, nil)
	case turnBack:
		return x.AwaitReturn(ctx, v.failure, task, nil)
	}
	_ = x.Append(runstate.RecordResumed, runstate.ResumedRecord{Step: x.State.Suspension.Step, Boot: v.waited.Boot, PID: os.Getpid()})
	task.Done("rebooted")
	return x.Finish(context.WithoutCancel(ctx), nil)
}
