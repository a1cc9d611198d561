package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
)

// Rollback rolls back a committed run of which all that its undo needs is still kept; without an id it is the
// newest such run. It takes the locks and recovers what earlier runs left, as Run does, and then looks at
// everything that could stand in its way: until it has said yes to itself nothing is touched, and the error,
// of class refused, is the reason and names the runs that can be rolled back. From the first record on it
// cannot be cancelled; a recovery after a crash continues it.
func (e *Engine) Rollback(ctx context.Context, id string) (Result, error) {
	locks, err := e.lock()
	if err != nil {
		return Result{}, err
	}
	defer locks.release()
	standing, settled, err := e.recoverAll(ctx, locks)
	if err != nil {
		return Result{}, err
	}
	for _, result := range settled {
		// It had begun and died, and was finished right now: that is what is asked for.
		if p, err := runstate.Peek(e.State, result.Run); err == nil && p != nil && p.Rollback && (id == "" || id == result.Run) {
			return result, nil
		}
	}
	if err := runstate.NoneSuspended(settled); err != nil {
		return Result{}, err
	}
	for _, result := range settled {
		if id == "" && (result.Status == runstate.StatusRestored || result.Status == runstate.StatusFailsafe || result.Status == runstate.StatusBroken) {
			return Result{}, e.refuseSecondRollback(result, standing)
		}
	}
	p, err := e.chooseRollback(standing, id)
	if err != nil {
		return Result{}, err
	}
	if err := e.claimPaths(locks, p.Directory.ID(), p.Begin.WorksOn()); err != nil {
		return Result{}, err
	}
	if err := errors.Join(roomToAct(), e.rollbackReaches(p), e.owedElsewhere(p.Begin.Extents())); err != nil {
		return Result{}, err
	}
	seen, _, err := e.examineRollback(ctx, p, standing)
	if err == nil {
		err = e.checkRebootBack(ctx, seen)
	}
	if err != nil {
		return Result{}, e.withAlternatives(standing, p, err)
	}
	if err := context.Cause(ctx); err != nil {
		return Result{}, runstate.Interruption(err)
	}
	x, err := e.open(p, "rollback", fmt.Sprintf("Roll back run %s of %s", p.Directory.ID(), p.Begin.Recipe))
	if err != nil {
		return Result{}, err
	}
	defer x.Close()
	x.Earlier = slices.DeleteFunc(slices.Clone(standing), func(other *runstate.StoredRun) bool { return other == p })
	e.warnOfUnresolved(x)
	for _, name := range notRolledBack(seen) {
		x.Task.Warn("this stays as it is: " + name)
	}
	return e.rollBack(ctx, x, seen)
}

// rollBack puts the run back that nothing stands in the way of, as seen is.
func (e *Engine) rollBack(ctx context.Context, x, seen *run.Runner) (Result, error) {
	x.NoteUnfinished()
	if err := beginManualRollback(x, seen.State.Rebooted); err != nil {
		var unsure *journal.Unsure
		if errors.As(err, &unsure) {
			// The next recovery may find the record, and continues the rollback then. Nothing is touched
			// before.
			return x.ExitUncertain(err), nil
		}
		_ = x.Journal.Release()
		x.Task.Fail(err)
		return Result{}, runstate.NotBegun(e.State, err)
	}
	ctx = context.WithoutCancel(ctx)
	if why := x.Unwind(ctx); why != nil {
		return x.SuspendRollback(why), nil
	}
	return x.FinishAfterReboot(ctx, nil), nil
}

// refuseSecondRollback refuses to go back one step further than was asked for: the run that was interrupted
// has just been rolled back.
func (e *Engine) refuseSecondRollback(recovered Result, standing []*runstate.StoredRun) error {
	refusal := fault.New(fault.Refused, "rollback-recovered", "run %s had been interrupted, and ended just now: %s; nothing else is rolled back", recovered.Run, recovered.Status)
	if len(standing) == 0 {
		return refusal.WithHint("see what runs now: gwe status")
	}
	return refusal.WithHint("see what runs now: gwe status; to go back further: gwe rollback %s", standing[len(standing)-1].Directory.ID())
}

// beginManualRollback journals that the run is rolled back by hand. From here on that is finished, in this
// process or in another. back is the reboot that it has to take back, or nil.
func beginManualRollback(x *run.Runner, back *runstate.SuspendedRecord) error {
	why := fault.New(fault.Interrupted, "rolled-back", "run %s is rolled back", x.Directory.ID())
	if err := x.ReserveAgain(); err != nil {
		return err
	}
	if err := x.Append(runstate.RecordRollback, runstate.UnwindRecord{Error: x.RecordOf(why), Back: back, Checked: true}); err != nil {
		return err
	}
	x.Backward = true
	x.UseReserve()
	return nil
}

// chooseRollback finds the run; without an id it is the newest one that stands.
func (e *Engine) chooseRollback(standing []*runstate.StoredRun, id string) (*runstate.StoredRun, error) {
	if id == "" {
		w := e.damagedLast(standing)
		if w != nil && w.Newer() {
			return nil, w.Why
		}
		if w != nil {
			return nil, e.withAlternatives(standing, nil, fault.New(fault.Refused, "rollback-damaged", "cannot roll back the newest run, %s: %v", w.Directory.ID(), w.Why).
				WithHint("`gwe show %[1]s` tells what can still be read of it; put right by hand what it did, then set it aside: `gwe resolve %[1]s --reason TEXT`", w.Directory.ID()))
		}
		if len(standing) == 0 {
			return nil, fault.New(fault.Refused, "rollback-none", "no run in %s can be rolled back", e.State.Directory).
				WithHint("what an undo needs is kept from a commit to the next one with the same lock, or to `gwe forget`")
		}
		return standing[len(standing)-1], nil
	}
	chosen, err := runstate.Choose(e.State, id)
	if err != nil {
		return nil, err
	}
	for _, p := range standing {
		if p.Directory.ID() == chosen {
			return p, nil
		}
	}
	p, err := runstate.Peek(e.State, chosen)
	if err != nil {
		return nil, runstate.DamagedRunOf(e.State, chosen, err).Fault()
	}
	return nil, e.withAlternatives(standing, nil, e.notStanding(p, chosen))
}

// damagedLast is the newest run whose journal is damaged, if it began after all runs that can be rolled back,
// and may have committed; nil where there is none. A rollback that names no run means that one.
func (e *Engine) damagedLast(standing []*runstate.StoredRun) *runstate.DamagedRun {
	newest := ""
	if len(standing) > 0 {
		newest = standing[len(standing)-1].Directory.ID()
	}
	ids, _ := e.State.Runs()
	for _, id := range slices.Backward(ids) {
		if id <= newest {
			return nil
		}
		_, err := runstate.Peek(e.State, id)
		if err == nil {
			continue
		}
		w := runstate.DamagedRunOf(e.State, id, err)
		if w.Resolved == nil && !w.EndedWithout() {
			return &w
		}
	}
	return nil
}

// notStanding says why nothing is kept that could undo the run.
func (e *Engine) notStanding(p *runstate.StoredRun, id string) error {
	switch {
	case p == nil:
		return fault.New(fault.Refused, "rollback-nothing", "run %s never began", id)
	case p.Ended == nil:
		return fault.New(fault.Refused, "rollback-pending", "run %s has not ended", id)
	case p.Rollback:
		return fault.New(fault.Refused, "rollback-nothing", "run %s was rolled back already", id)
	case p.Committed < 0:
		return fault.New(fault.Refused, "rollback-nothing", "run %s did not come to its commit: nothing of it is in place", id)
	case !p.Releasing && !p.Released:
		return fault.New(fault.Refused, "rollback-nothing", "run %s changed nothing that could be rolled back", id)
	}
	if later := e.supersededBy(p); later != "" {
		return fault.New(fault.Refused, "rollback-released", "run %s was committed on top of run %s, and what the undo of that needed was released then", later, id)
	}
	return fault.New(fault.Refused, "rollback-released", "what the undo of run %s needed was released by `gwe forget`", id)
}

// supersededBy is the first run that committed changes later under one of the run's lock names; "" where
// there is none.
func (e *Engine) supersededBy(p *runstate.StoredRun) string {
	ids, _ := e.State.Runs()
	for _, id := range ids {
		if id <= p.Directory.ID() {
			continue
		}
		if later, err := runstate.Peek(e.State, id); err == nil && later != nil && runstate.SharesLock(later.Begin.Names(), p.Begin.Names()) && later.Changed() {
			return id
		}
	}
	return ""
}

// Rollbackable lists the runs that can be rolled back by what their journals tell, oldest first. Whether the
// machine is as they left it it does not ask: PlanRollback does. It changes nothing and needs no lock.
func (e *Engine) Rollbackable() ([]string, error) {
	_, standing, err := runstate.Survey(e.State)
	if err != nil {
		return nil, err
	}
	return e.passing(standing, nil), nil
}

func (e *Engine) passing(standing []*runstate.StoredRun, but *runstate.StoredRun) []string {
	able := []string{}
	for _, p := range standing {
		if p == but {
			continue
		}
		if _, err := e.wayBack(p, standing); err == nil {
			able = append(able, p.Directory.ID())
		}
	}
	return able
}

// withAlternatives adds to a refusal which runs can be rolled back instead.
func (e *Engine) withAlternatives(standing []*runstate.StoredRun, but *runstate.StoredRun, err error) error {
	refusal := fault.As(err)
	if refusal == nil || refusal.Class != fault.Refused {
		return err
	}
	hint := "no other run can be rolled back; a new version, installed on top, is the way out"
	if able := e.passing(standing, but); len(able) > 0 {
		hint = "these runs can be rolled back: " + strings.Join(able, ", ")
	}
	if refusal.Hint != "" {
		hint = refusal.Hint + "; " + hint
	}
	return refusal.WithHint("%s", hint)
}
