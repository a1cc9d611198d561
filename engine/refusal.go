package engine

import (
	"errors"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// preconditions lists what would refuse a run before its steps are looked at: in the order in which a run
// meets it. It takes no lock, and changes nothing.
func (e *Engine) preconditions(begin runstate.BeginRecord) (found []error) {
	add := func(err error) {
		if err != nil {
			found = append(found, err)
		}
	}
	if err := runstate.Usable(e.State); err != nil {
		add(err)
	} else if err := e.trusted(); err != nil {
		add(err)
	} else {
		found = e.earlierRuns()
	}
	add(roomToAct())
	extents := begin.Extents()
	if len(extents) > 0 {
		add(e.place().Check())
	}
	busy := e.place().Look(e.claimant(""), extents)
	// One process holds the lock of the state and the claim on its targets: it is named once.
	if busy != nil && !named(found, busy.PID) {
		add(explainBusy(busy))
	}
	if busy == nil {
		add(e.owedElsewhere(extents))
	}
	return found
}

// earlierRuns lists what keeps the state from a new run: one in progress or suspended, and journals that
// cannot be read.
func (e *Engine) earlierRuns() (found []error) {
	holder, err := durable.Holder(runstate.LockFile(e.State))
	switch {
	case err != nil:
		return []error{err}
	case holder != nil:
		return []error{explainBusy(holder)}
	}
	list, _, err := runstate.Survey(e.State)
	if err != nil {
		return []error{err}
	}
	for _, run := range list {
		switch run.Status {
		case runstate.StatusSuspended:
			found = append(found, runstate.NoneSuspended([]Result{{Run: run.Run, Status: run.Status, Waits: run.Waits}}))
		case runstate.StatusDamaged:
			// One that had ended only loses its own rollback.
			if _, err := runstate.Peek(e.State, run.Run); err != nil && run.Blocks {
				found = append(found, &Unsettled{Run: run.Run, Err: runstate.DamagedRunOf(e.State, run.Run, err).Fault()})
			}
		}
	}
	return found
}

// named reports whether one of the errors names the process as the holder of a lock.
func named(found []error, pid int) bool {
	return slices.ContainsFunc(found, func(err error) bool {
		var busy *durable.BusyError
		return errors.As(err, &busy) && busy.PID == pid
	})
}
