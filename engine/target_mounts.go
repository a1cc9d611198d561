package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// suspendRollback ends this process's part of a run that cannot be put back now, or not to its end. What was not undone is not tried, and so
// nothing is lost.
func (x *runner) suspendRollback(why error) Result {
	x.backward = true
	if held := (runstate.HeldRecord{Boot: x.config.Now().Boot, Error: x.recordOf(why)}); held.Boot != x.state.Stalled.Boot || held.Error.Code != x.state.Stalled.Error.Code {
		_ = x.append(runstate.RecordHeld, held)
	}
	missing := x.awaitJournal(context.Background())
	_ = x.reserveAgain() // as far as there is space: the next recovery has as much to write
	x.task.Warn("not everything was put back yet: recovery is pending")
	x.task.Fail(why)
	x.folder.NoteFailure(x.withoutSecrets(why))
	result := Result{Run: x.folder.ID(), Status: runstate.StatusBroken, Err: x.withoutSecrets(why)}
	if x.state.Failure != nil {
		result.Others = []error{x.state.Failure.Err()}
	}
	if missing != nil {
		result.Others = append(result.Others, missing)
	}
	return result
}

// OutOfReach is that of a run that lives and turns back.
func (x *runner) outOfReach() error {
	if x.state.Suspension != nil || x.state.Rebooted != nil || len(x.framesToUndo()) == 0 {
		return nil
	}
	return runstate.OutOfReach(x.state.Begin.Targets, fault.Errored)
}
