package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
)

// Confirm says that what a suspended run did is good, and goes on with the run; id "" is the one that waits for it. Where
// its time is over already, the run is put back instead: the result tells.
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
		return Result{}, interruption(err)
	}
	if decision == waitOn {
		if err := e.recordDecision(p, recordConfirmed); err != nil {
			return Result{}, err
		}
	}
	return e.recoverOne(ctx, p, locks)
}

// CancelSuspended puts a suspended run back; id "" is the one that waits. It refuses one that is being put back already.
func (e *Engine) CancelSuspended(ctx context.Context, id string) (Result, error) {
	locks, err := e.lockSoon(ctx)
	if err != nil {
		return Result{}, err
	}
	defer locks.release()
	p, err := e.State.waiting(id)
	if err != nil {
		return Result{}, err
	}
	if p.awaiting {
		return Result{}, fault.New(fault.Refused, "cancel-put-back", "run %s is on its way to its end already, and waits for %s", p.folder.id(), servicesAwaited).
			WithHint("`gwe recover` ends it when they are there")
	}
	if p.suspension.Cause == causeReturn {
		return Result{}, fault.New(fault.Refused, "cancel-put-back", "run %s is put back already, and waits for %s", p.folder.id(), p.suspension.awaited()).
			WithHint("`gwe recover` ends it after the boot")
	}
	if err := roomToAct(); err != nil {
		return Result{}, err
	}
	if err := e.recordDecision(p, recordCancelled); err != nil {
		return Result{}, err
	}
	return e.recoverOne(ctx, p, locks)
}

// waiting finds a suspended run; id "" is any.
func (s State) waiting(id string) (*storedRun, error) {
	ids, err := s.Runs()
	if err != nil {
		return nil, err
	}
	for _, one := range ids {
		if id != "" && one != id {
			continue
		}
		if p, err := s.peek(one); err == nil && p != nil && p.ended == nil && !p.closedByOperator() && (p.suspension != nil || p.awaiting) {
			return p, nil
		}
	}
	return nil, fault.New(fault.Refused, "cancel-nothing", "no run goes on in %s", s.Folder).WithHint("`gwe status` tells what is going on")
}

// recoverOne settles all runs and gives the result of one.
func (e *Engine) recoverOne(ctx context.Context, p *storedRun, locks *locks) (Result, error) {
	_, results, err := e.recoverAll(ctx, locks)
	for _, result := range results {
		if result.Run == p.folder.id() {
			return result, err
		}
	}
	return Result{}, err
}

// recordDecision makes somebody's word about a suspended run durable; what follows is for this process, or for the next one.
func (e *Engine) recordDecision(p *storedRun, kind string) error {
	opened, _, err := journal.Open(p.folder.journal())
	if err != nil {
		return err
	}
	written := e.watched(opened)
	defer written.Close()
	return written.Append(kind, struct{}{})
}

// unconfirmed finds the run that waits to be confirmed.
func (e *Engine) unconfirmed(id string) (*storedRun, error) {
	if id != "" {
		if _, err := e.State.choose(id); err != nil {
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
		p, err := e.State.peek(one)
		if err != nil && id != "" {
			return nil, err
		}
		if p == nil || p.suspension == nil {
			continue
		}
		if waits := p.suspension; waits.Cause == causeConfirm {
			return p, nil
		} else if id != "" {
			return nil, fault.New(fault.Refused, "not-to-confirm", "run %s waits for %s, not for a confirmation", id, waits.awaited()).
				WithHint("`gwe recover` goes on with it after the boot")
		}
	}
	if id != "" {
		return nil, fault.New(fault.Refused, "not-to-confirm", "run %s does not wait for a confirmation", id).WithHint("`gwe runs` lists what each run does")
	}
	return nil, fault.New(fault.Refused, "not-to-confirm", "no run in %s waits for a confirmation", e.State.Folder).
		WithHint("`gwe runs` lists them; they may be in another state folder: --state-dir, GWE_STATE_DIR")
}
