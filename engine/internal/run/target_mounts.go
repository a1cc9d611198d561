package run

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// SuspendRollback ends this process's part of a run that cannot be rolled back now, or not to its end. What
// was not undone is not tried, and so nothing is lost.
func (x *Runner) SuspendRollback(why error) runstate.Result {
	x.Backward = true
	if held := (runstate.HeldRecord{Boot: x.Config.Now().Boot, Error: x.RecordOf(why)}); held.Boot != x.State.Stalled.Boot || held.Error.Code != x.State.Stalled.Error.Code {
		_ = x.Append(runstate.RecordHeld, held)
	}
	missing := x.awaitJournal(context.Background())
	_ = x.ReserveAgain() // as far as there is space: the next recovery has as much to write
	x.Task.Warn("not everything was rolled back yet: recovery is pending")
	x.Task.Fail(why)
	x.Directory.NoteFailure(x.withoutSecrets(why))
	result := runstate.Result{Run: x.Directory.ID(), Status: runstate.StatusBroken, Err: x.withoutSecrets(why)}
	if x.State.Failure != nil {
		result.Others = []error{x.State.Failure.Err()}
	}
	if missing != nil {
		result.Others = append(result.Others, missing)
	}
	return result
}

// outOfReach reports why nothing can be undone now, of a run that lives and turns back: a file system is not
// there.
func (x *Runner) outOfReach() error {
	if x.State.Suspension != nil || x.State.Rebooted != nil || len(x.FramesToUndo()) == 0 {
		return nil
	}
	return runstate.OutOfReach(x.State.Begin.Targets, fault.Errored)
}
