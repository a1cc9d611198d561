package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/regular"
)

// Recover finishes what dead runs left: it ends their surviving processes, rolls back what was not committed,
// and cleans up leftovers of earlier undos. It is called at boot, and Run does the same first. With nothing
// to do it is cheap.
//
// The results are of the runs that were finished now, oldest first.
func (e *Engine) Recover(ctx context.Context) ([]Result, error) {
	if err := e.trusted(); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(runstate.RunsDirectory(e.State)); errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, runstate.RefuseOrphan(e.State) // and no lock is made, for which a full disk has no room
	}
	locks, err := e.lock()
	if err != nil {
		return nil, runstate.Unwritable(e.State, err)
	}
	defer locks.release()
	_, results, err := e.recoverAll(ctx, locks)
	return results, err
}

// recoverAll brings every run of the state to its end. It gives back the runs whose undo may still be asked
// for. A run that cannot be settled (a damaged journal, say) does not keep the others from it; all such
// errors come together. held are the locks of this process: a run that it hands over takes them along.
func (e *Engine) recoverAll(ctx context.Context, held *locks) (standing []*runstate.StoredRun, results []Result, err error) {
	runstate.DropUnfinished(e.State)
	ids, err := e.State.Runs()
	if err != nil {
		return nil, nil, err
	}
	var failures []error
	var spare []string // those that nobody needs
	var stood []*runstate.StoredRun
	for _, id := range ids {
		p, result, err := e.recoverRun(ctx, id, standing, held)
		if err != nil {
			if now, damaged := runstate.Peek(e.State, id); damaged == nil && now != nil {
				now.Directory.NoteFailure(err)
			}
			failures = append(failures, &Unsettled{Run: id, Err: err})
		}
		if result != nil {
			results = append(results, *result)
		}
		if p == nil || err != nil {
			continue
		}
		if !p.CanRollBack() {
			spare = p.AddSpare(spare)
			continue
		}
		stood = append(stood, p)
		// gwe may have died between a commit and the release of what it supersedes.
		standing = append(e.supersede(ctx, standing, p.Begin, &locks{}, nil), p)
	}
	for _, p := range stood {
		spare = p.AddSpare(spare)
	}
	e.removeOldRuns(ids, spare, standing)
	e.removeEndedNotes()
	return standing, results, errors.Join(failures...)
}

// recoverRun brings one run to its end. earlier are the runs before it whose undo may still be asked for. It
// is nil for a run that never began; the result is nil where it had ended.
func (e *Engine) recoverRun(ctx context.Context, id string, earlier []*runstate.StoredRun, held *locks) (*runstate.StoredRun, *Result, error) {
	p, err := runstate.Peek(e.State, id)
	switch {
	case err != nil:
		if _, lacks := fault.Scarce(err); lacks {
			return nil, nil, cmp.Or(roomToAct(), err)
		}
		w := runstate.DamagedRunOf(e.State, id, err)
		if w.Blocks() {
			return nil, nil, w.Fault()
		}
		return nil, nil, nil
	case p == nil:
		return nil, nil, removeUnbegun(ctx, runstate.DirectoryOf(e.State, id))
	case p.ClosedByOperator():
		return p, nil, nil
	case p.Ended == nil:
		return e.recoverUnended(ctx, p, earlier, held)
	}
	p, err = e.finishEnded(ctx, p)
	return p, nil, err
}

// removeUnbegun removes the directory of a run that never began, and ends what its facts started.
func removeUnbegun(ctx context.Context, directory runstate.RunDirectory) error {
	mark, err := regular.Read(directory.Mark())
	if _, value, _ := strings.Cut(string(mark), "="); err == nil && value != "" { // it has begun to read facts; one that is torn has not
		_, err = process.KillLeft(ctx, nil, string(mark))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(string(directory))
}

// recoverUnended takes a run on that has no last record: one that waits, or that died. An early recovery
// leaves those alone that wait.
func (e *Engine) recoverUnended(ctx context.Context, p *runstate.StoredRun, earlier []*runstate.StoredRun, held *locks) (*runstate.StoredRun, *Result, error) {
	id, waits := p.Directory.ID(), p.Suspension
	if waits != nil && e.Early {
		return p, &Result{Run: id, Status: runstate.StatusSuspended, Waits: waits.Awaited()}, nil
	}
	if p.Awaiting && e.Early {
		return p, &Result{Run: id, Status: runstate.StatusSuspended, Waits: runstate.ServicesAwaited}, nil
	}
	var result Result
	var err error
	if waits != nil {
		result, err = e.resume(ctx, p, earlier, held)
	} else {
		result, err = e.recover(ctx, p, earlier)
	}
	if err != nil {
		return nil, nil, err
	}
	if p, err = runstate.Peek(e.State, id); err == nil && p != nil && (p.Ended != nil || result.Status == runstate.StatusSuspended) {
		p.Directory.ForgetFailure()
	}
	result.Unfinished = err == nil && p != nil && p.Ended == nil && result.Status != runstate.StatusSuspended
	return p, &result, err
}

// finishEnded does what is left to do of a run that has ended: leftovers, and a release that gwe died in.
func (e *Engine) finishEnded(ctx context.Context, p *runstate.StoredRun) (*runstate.StoredRun, error) {
	if len(p.NotCleaned()) > 0 {
		err := e.bounded(p, func() error { return e.clean(ctx, p) })
		if err != nil {
			return nil, err
		}
		if p, err = runstate.Peek(e.State, p.Directory.ID()); err != nil {
			return nil, err
		}
	}
	if p.HalfReleased() {
		// As with leftovers, that it does not succeed is not a reason to refuse the next run.
		_ = e.bounded(p, func() error { _, err := e.release(ctx, p, &locks{}); return err })
	}
	if !p.Needed() && p.Directory.Keeps() { // gwe may have died after the last record
		return p, p.Directory.DropKept()
	}
	return p, nil
}

// recover takes one dead run to its end.
func (e *Engine) recover(ctx context.Context, p *runstate.StoredRun, earlier []*runstate.StoredRun) (Result, error) {
	targets := &locks{}
	defer targets.release()
	if err := e.claimPaths(targets, p.Directory.ID(), p.Begin.WorksOn()); err != nil {
		return Result{}, err
	}
	if err := errors.Join(roomToAct(), p.OutOfReach(), e.missingPluginFirst(p)); err != nil {
		return Result{}, err
	}
	died := fault.New(fault.Interrupted, "run-died", "gwe died in the middle of run %s", p.Directory.ID())
	return e.recoverLocked(ctx, p, earlier, targets, died)
}

// recoverLocked does so under locks that are held. died is why the run turns back, where its journal does not
// say so yet.
func (e *Engine) recoverLocked(ctx context.Context, p *runstate.StoredRun, earlier []*runstate.StoredRun, targets *locks, died error) (Result, error) {
	x, err := e.open(p, "recover", fmt.Sprintf("Recover run %s of %s", p.Directory.ID(), p.Begin.Recipe))
	if err != nil {
		return Result{}, err
	}
	defer x.Close()
	e.supersedes(x, earlier, targets)
	x.Backward = true
	x.NoteUnfinished()
	x.UseReserve()
	boot := e.now().Boot
	if x.State.Stalled.Boot != boot { // else the journal knows it, and a timer that tries every minute must not eat its reserve
		_ = x.Append(runstate.RecordRecovery, runstate.RecoveryRecord{PID: os.Getpid(), Boot: boot, Since: e.now().Since, Version: e.Version})
	}
	if err := x.EndSurvivors(ctx); err != nil {
		x.Task.Fail(err)
		return Result{}, err
	}
	ctx = context.WithoutCancel(ctx)
	complete := x.State.Failure == nil && x.State.Complete()
	lost := p.Deaths(boot)
	if x.State.Failure == nil && !complete {
		if lost < runstate.BoundedBoots {
			e.bootedIntoNewSystem(ctx, x.State, boot)
		}
		x.BeginRollback(died)
		lost = 0 // none of them came to an undo: what took the machine down is not asked any more
	}
	if result, over := breakBootLoop(ctx, x, lost); over {
		return result, nil
	}
	if complete && x.DefersFinally() {
		return x.ExitDeferred(), nil
	}
	if complete {
		// All effects were done and durable; only the words for it are missing.
		x.Backward = false
		return x.Conclude(ctx, nil), nil
	}
	if why := x.Unwind(ctx); why != nil {
		return x.SuspendRollback(why), nil
	}
	if x.HasDeferred(ctx) {
		return x.ExitDeferred(), nil
	}
	return x.FinishAfterReboot(ctx, nil), nil
}

// clean tries the undo of the frames again that left something of ours behind. That it does not succeed, or
// that another gwe works on the target now, is not a reason to refuse the next run: the machine is as it
// should be.
func (e *Engine) clean(ctx context.Context, p *runstate.StoredRun) error {
	targets := &locks{}
	defer targets.release()
	if err := e.claimPaths(targets, p.Directory.ID(), p.Begin.WorksOn()); err != nil {
		return nil
	}
	x, err := e.open(p, "recover", "Clean up what run "+p.Directory.ID()+" left")
	if err != nil {
		return nil
	}
	defer x.Close()
	x.Backward = true
	var failures []error
	for _, number := range p.NotCleaned() {
		f := x.State.Frame(number)
		if f == nil {
			continue
		}
		rest, err := false, error(nil)
		if f.Undone || f.Told {
			rest, err = x.CleanFrame(context.WithoutCancel(ctx), f)
		} else { // it stood after the commit, and its undo was given up
			err = x.ReleaseFrame(context.WithoutCancel(ctx), f, x.Task)
		}
		process.Release(x.MarkOfRun())
		abandoned := x.Abandon(f, err)
		if err != nil && (abandoned == nil || f.Undone || f.Told) {
			failures = append(failures, x.State.At(f.Node, f.Rounds, err))
			continue
		}
		if rest {
			continue
		}
		for _, one := range abandoned {
			x.Task.Warn(one.Warning())
		}
		_ = x.Append(runstate.RecordCleaned, runstate.UndoneRecord{Frame: number, Kept: f.Kept, Abandoned: abandoned})
	}
	if err := errors.Join(failures...); err != nil {
		x.Task.Warn("not all could be cleaned up yet: " + err.Error())
	}
	x.Task.Done("")
	return nil
}
