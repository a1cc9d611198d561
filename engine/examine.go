package engine

import (
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Finding is what a run left that gwe could not bring to its end.
type Finding struct {
	Summary
	// FailedUndos are the undos that failed, in the order in which gwe undoes them.
	FailedUndos []Unrestored `json:"failed_undos"`
	// Owed are the steps that were not undone, in the order in which gwe undoes them.
	Owed []Unrestored `json:"owed"`
	// Different are the paths that are not as they were before the run, as far as gwe saw them then: those that its steps name, and
	// the names in directories.
	Different []Difference `json:"different"`
	// Unseen are the steps of which gwe cannot know what they changed: they ran a program.
	Unseen []StepName `json:"unseen"`
	// Kept are the paths where what the undo needs still lies.
	Kept []string `json:"kept"`
}

// Unrestored is a step whose undo failed, or was not carried out.
type Unrestored struct {
	StepName
	// Error is why its undo failed; absent where it was not tried.
	Error string `json:"error,omitempty"`
	// Code is the stable code of Error.
	Code string `json:"code,omitempty"`
	// Hint says what to do about Error.
	Hint string `json:"hint,omitempty"`
}

// Examine looks at a run that needs an operator: it takes no lock and changes nothing. Without an id it is the only such run.
//
// Its faults: run-unknown; resolve-needless, for a run that needs none; resolve-which, where several do and none is named; and that
// of a journal of a newer gwe, which that one reads.
func (e *Engine) Examine(id string) (Finding, error) {
	if err := e.State.refuseBundle(); err != nil {
		return Finding{}, err // it would compare another machine with this one
	}
	return e.examine(id)
}

func (e *Engine) examine(id string) (Finding, error) {
	if id == "" {
		var err error
		if id, err = e.State.onlyUnresolved(); err != nil {
			return Finding{}, err
		}
	}
	for _, lost := range e.State.lostRuns() {
		if lost.Run == id {
			found := e.findingOf(lost, nil)
			for _, target := range lost.Targets {
				found.Kept = append(found.Kept, hiddenNames(target)...)
			}
			return found, nil
		}
	}
	chosen, err := e.State.choose(id)
	if err != nil {
		return Finding{}, err
	}
	p, err := e.State.peek(chosen)
	if err != nil {
		w := e.State.wreckOf(chosen, err)
		switch {
		case w.resolved != nil:
			return Finding{}, alreadyResolved(chosen, w.resolved)
		case w.newer():
			return Finding{}, err
		}
		found := e.findingOf(w.summary(), w.rest)
		if w.ended { // what it changed is as it should be
			found.Different, found.Owed, found.Unseen = []Difference{}, []Unrestored{}, []StepName{}
		}
		return found, nil
	}
	if p == nil {
		return Finding{}, fault.New(fault.Refused, "run-unknown", "run %s never began", chosen)
	}
	told := p.summary()
	switch {
	case told.Resolved != nil:
		return Finding{}, alreadyResolved(chosen, told.Resolved)
	case !told.unresolved():
		needless := fault.New(fault.Refused, "resolve-needless", "run %s needs no operator: %s", chosen, told.Status)
		switch told.Status {
		case StatusPending:
			return Finding{}, needless.WithHint("`gwe recover` brings it to its end")
		case StatusSuspended:
			return Finding{}, needless.WithHint("`gwe recover` continues it, `gwe confirm` confirms it, `gwe cancel` rolls it back")
		}
		return Finding{}, needless
	}
	return e.findingOf(told, p), nil
}

func alreadyResolved(id string, how *Resolution) error {
	return fault.New(fault.Refused, "resolve-done", "run %s was resolved by %s at %s: %s", id, how.By, how.At.Format("2006-01-02 15:04:05"), how.Reason)
}

// unresolved reports whether the run is one that gwe could not bring to its end, and that no operator has closed.
func (s Summary) unresolved() bool {
	if s.Resolved != nil {
		return false
	}
	return s.Status == StatusBroken || s.Status == StatusDamaged || !s.RecoveryFailed.IsZero()
}

// onlyUnresolved finds the run that needs an operator.
func (s State) onlyUnresolved() (string, error) {
	list, err := s.List()
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(one Summary) bool { return !one.unresolved() })
	list = append(list, s.lostRuns()...)
	switch len(list) {
	case 0:
		return "", s.needless()
	case 1:
		return list[0].Run, nil
	}
	return "", fault.New(fault.Refused, "resolve-which", "%d runs in %s need an operator", len(list), s.Folder).
		WithHint("name one: `gwe status` lists them")
}

func (s State) needless() error {
	needless := fault.New(fault.Refused, "resolve-needless", "no run in %s needs an operator", s.Folder)
	list, _ := s.List()
	for _, one := range list {
		if one.Status == StatusPending && one.Resolved == nil {
			return needless.WithHint("the process of run %s died: `gwe recover` brings it to its end", one.Run)
		}
	}
	return needless
}

// findingOf reads what is left from the records of a run; p is nil where nothing could be read.
func (e *Engine) findingOf(told Summary, p *storedRun) Finding {
	found := Finding{
		Summary: told, FailedUndos: []Unrestored{}, Owed: []Unrestored{}, Different: []Difference{}, Unseen: []StepName{}, Kept: []string{},
	}
	if p == nil {
		return found
	}
	found.Different = p.differences()
	frames := p.unrestored()
	for _, one := range slices.Backward(frames) {
		if (one.broken != nil || p.ended == nil) && !e.visible(one.name.Type) {
			found.Unseen = append(found.Unseen, one.name.StepName)
		}
		switch {
		case one.broken != nil:
			failed := one.name
			failed.Error, failed.Code, failed.Hint = one.broken.Message, one.broken.Code, one.broken.Hint
			found.FailedUndos = append(found.FailedUndos, failed)
		case p.ended == nil:
			found.Owed = append(found.Owed, one.name)
		default:
			continue
		}
		found.Kept = append(found.Kept, one.kept...)
	}
	return found
}

// unrestoredFrame is a frame that is not undone, or whose undo failed.
type unrestoredFrame struct {
	number int
	name   Unrestored
	broken *errorRecord
	kept   []string
}

// unrestored lists the frames that were not undone, or not well, in the order of their making. Those of a run that committed count
// only if it was rolled back.
func (p *storedRun) unrestored() []unrestoredFrame {
	var frames []unrestoredFrame
	for _, f := range p.frames[max(p.committed, 0):] {
		if f.part != "" || !f.broken && (f.undone || f.told) {
			continue
		}
		one := unrestoredFrame{number: f.number, name: Unrestored{StepName: f.shown.named(f.step, f.id)}, kept: slices.Clone(f.leases)}
		if saved := p.folder.place(placeOf(f.number)); holdsAny(saved) {
			one.kept = append(one.kept, saved)
		}
		if f.broken && len(f.undoErrors) > 0 {
			one.broken = &f.undoErrors[0]
		}
		frames = append(frames, one)
	}
	return frames
}

// holdsAny reports whether a directory has entries.
func holdsAny(path string) bool {
	entries, _ := os.ReadDir(path)
	return len(entries) > 0
}

// visible reports whether all that a step type changes lies at paths that it names.
func (e *Engine) visible(name string) bool {
	known, ok := e.Catalog.Find(name)
	return ok && !slices.ContainsFunc(known.About().Effects, func(one step.Effect) bool { return one.Kind == step.Runs })
}
