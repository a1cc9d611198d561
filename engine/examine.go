package engine

import (
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// Finding is what a run left that gwe could not bring to its end.
type Finding struct {
	Summary
	// FailedUndos are the undos that failed, in the order in which gwe undoes them.
	FailedUndos []Unrestored `json:"failed_undos"`
	// Owed are the steps that were not undone, in the order in which gwe undoes them.
	Owed []Unrestored `json:"owed"`
	// Different are the paths that are not as they were before the run, as far as gwe saw them then: those
	// that its steps name, and the names in directories.
	Different []Difference `json:"different"`
	// Unseen are the steps of which gwe cannot know what they changed: they ran a program.
	Unseen []StepName `json:"unseen"`
	// Kept are the paths where what the undo needs still lies.
	Kept []string `json:"kept"`
}

// Examine looks at a run that needs an operator: it takes no lock and changes nothing. Without an id it is
// the only such run.
//
// Its faults: run-unknown; resolve-needless, for a run that needs none; resolve-which, where several do and
// none is named; and that of a journal of a newer gwe, which that one reads.
func (e *Engine) Examine(id string) (Finding, error) {
	if err := runstate.RefuseBundle(e.State); err != nil {
		return Finding{}, err // it would compare another machine with this one
	}
	return e.examine(id)
}

func (e *Engine) examine(id string) (Finding, error) {
	if id == "" {
		var err error
		if id, err = runstate.OnlyUnresolved(e.State); err != nil {
			return Finding{}, err
		}
	}
	for _, lost := range runstate.LostRuns(e.State) {
		if lost.Run == id {
			found := e.findingOf(lost, nil)
			for _, target := range lost.Targets {
				found.Kept = append(found.Kept, runstate.HiddenNames(target)...)
			}
			return found, nil
		}
	}
	chosen, err := runstate.Choose(e.State, id)
	if err != nil {
		return Finding{}, err
	}
	p, err := runstate.Peek(e.State, chosen)
	if err != nil {
		w := runstate.DamagedRunOf(e.State, chosen, err)
		switch {
		case w.Resolved != nil:
			return Finding{}, alreadyResolved(chosen, w.Resolved)
		case w.Newer():
			return Finding{}, err
		}
		found := e.findingOf(w.Summary(), w.Rest)
		if w.Ended { // what it changed is as it should be
			found.Different, found.Owed, found.Unseen = []Difference{}, []Unrestored{}, []StepName{}
		}
		return found, nil
	}
	if p == nil {
		return Finding{}, fault.New(fault.Refused, "run-unknown", "run %s never began", chosen)
	}
	told := p.Summary()
	switch {
	case told.Resolved != nil:
		return Finding{}, alreadyResolved(chosen, told.Resolved)
	case !runstate.Unresolved(told):
		needless := fault.New(fault.Refused, "resolve-needless", "run %s needs no operator: %s", chosen, told.Status)
		switch told.Status {
		case runstate.StatusPending:
			return Finding{}, needless.WithHint("`gwe recover` brings it to its end")
		case runstate.StatusSuspended:
			return Finding{}, needless.WithHint("`gwe recover` continues it, `gwe confirm` confirms it, `gwe cancel` rolls it back")
		}
		return Finding{}, needless
	}
	return e.findingOf(told, p), nil
}

func alreadyResolved(id string, how *Resolution) error {
	return fault.New(fault.Refused, "resolve-done", "run %s was resolved by %s at %s: %s", id, how.By, how.At.Format("2006-01-02 15:04:05"), how.Reason)
}

// findingOf reads what is left from the records of a run; p is nil where nothing could be read.
func (e *Engine) findingOf(told Summary, p *runstate.StoredRun) Finding {
	found := Finding{
		Summary: told, FailedUndos: []Unrestored{}, Owed: []Unrestored{}, Different: []Difference{}, Unseen: []StepName{}, Kept: []string{},
	}
	if p == nil {
		return found
	}
	found.Different = p.Differences()
	frames := p.Unrestored()
	for _, one := range slices.Backward(frames) {
		if (one.Broken != nil || p.Ended == nil) && !e.visible(one.Name.Type) {
			found.Unseen = append(found.Unseen, one.Name.StepName)
		}
		switch {
		case one.Broken != nil:
			failed := one.Name
			failed.Error, failed.Code, failed.Hint = one.Broken.Message, one.Broken.Code, one.Broken.Hint
			found.FailedUndos = append(found.FailedUndos, failed)
		case p.Ended == nil:
			found.Owed = append(found.Owed, one.Name)
		default:
			continue
		}
		found.Kept = append(found.Kept, one.Kept...)
	}
	return found
}

// visible reports whether all that a step type changes lies at paths that it names.
func (e *Engine) visible(name string) bool {
	known, ok := e.Catalog.Find(name)
	return ok && !slices.ContainsFunc(known.About().Effects, func(one step.Effect) bool { return one.Kind == step.Runs })
}
