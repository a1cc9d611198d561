package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
)

// Confirm says that what a suspended run did is good, and continues the run; id "" is the one that waits
// for it. Where its time is over already, the run is rolled back instead: the result tells.
func (e *Engine) Confirm(ctx context.Context, id string) (Result, error) {
	locks, err := e.lockSoon(ctx)
	if err != nil {
		return Result{}, err
	}
	defer locks.release()
	p, err := e.unconfirmed(id)
	if err != nil {
		return Result{}, err
	}
	h, err := e.waitingHistory(p)
	if err == nil {
		err = roomToAct()
	}
	if err != nil {
		return Result{}, err
	}
	decision := e.judge(ctx, h).decision
	if err := context.Cause(ctx); err != nil {
		return Result{}, runstate.Interruption(err)
	}
	if decision == waitOn {
		if err := e.recordDecision(p, runstate.RecordConfirmed); err != nil {
			return Result{}, err
		}
	}
	return e.recoverOne(ctx, p, locks)
}

// CancelSuspended puts a suspended run back; id "" is the one that waits. It refuses one that is being put
// back already.
func (e *Engine) CancelSuspended(ctx context.Context, id string) (Result, error) {
	locks, err := e.lockSoon(ctx)
	if err != nil {
		return Result{}, err
	}
	defer locks.release()
	p, err := runstate.Waiting(e.State, id)
	if err != nil {
		return Result{}, err
	}
	if p.Awaiting {
		return Result{}, fault.New(fault.Refused, "cancel-rolled-back", "run %s is on its way to its end already, and waits for %s", p.Directory.ID(), runstate.ServicesAwaited).
			WithHint("`gwe recover` ends it when they are there")
	}
	if p.Suspension.Cause == runstate.CauseReturn {
		return Result{}, fault.New(fault.Refused, "cancel-rolled-back", "run %s is rolled back already, and waits for %s", p.Directory.ID(), p.Suspension.Awaited()).
			WithHint("`gwe recover` ends it after the boot")
	}
	if err := roomToAct(); err != nil {
		return Result{}, err
	}
	if err := e.recordDecision(p, runstate.RecordCancelled); err != nil {
		return Result{}, err
	}
	return e.recoverOne(ctx, p, locks)
}

// recoverOne settles all runs and gives the result of one.
func (e *Engine) recoverOne(ctx context.Context, p *runstate.StoredRun, locks *locks) (Result, error) {
	_, results, err := e.recoverAll(ctx, locks)
	for _, result := range results {
		if result.Run == p.Directory.ID() {
			return result, err
		}
	}
	return Result{}, err
}

// recordDecision makes somebody's word about a suspended run durable; what follows is for this process, or
// for the next one.
func (e *Engine) recordDecision(p *runstate.StoredRun, kind string) error {
	opened, _, err := journal.Open(p.Directory.Journal())
	if err != nil {
		return err
	}
	written := e.watched(opened)
	defer written.Close()
	return written.Append(kind, struct{}{})
}

// unconfirmed finds the run that waits to be confirmed.
func (e *Engine) unconfirmed(id string) (*runstate.StoredRun, error) {
	if id != "" {
		if _, err := runstate.Choose(e.State, id); err != nil {
			return nil, err
		}
	}
	ids, err := e.State.Runs()
	if err != nil {
		return nil, err
	}
	for _, one := range ids {
		if id != "" && one != id {
			continue
		}
		p, err := runstate.Peek(e.State, one)
		if err != nil && id != "" {
			return nil, err
		}
		if p == nil || p.Suspension == nil {
			continue
		}
		if waits := p.Suspension; waits.Cause == runstate.CauseConfirm {
			return p, nil
		} else if id != "" {
			return nil, fault.New(fault.Refused, "not-to-confirm", "run %s waits for %s, not for a confirmation", id, waits.Awaited()).
				WithHint("`gwe recover` continues it after the boot")
		}
	}
	if id != "" {
		return nil, fault.New(fault.Refused, "not-to-confirm", "run %s does not wait for a confirmation", id).WithHint("`gwe runs` lists what each run does")
	}
	return nil, fault.New(fault.Refused, "not-to-confirm", "no run in %s waits for a confirmation", e.State.Directory).
		WithHint("`gwe runs` lists them; they may be in another state directory: --state-dir, GWE_STATE_DIR")
}
