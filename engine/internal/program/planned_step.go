package program

import (
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Decision is what a plan knows of a step's guard.
type Decision string

const (
	// WillRun: there is no guard, or it is true.
	WillRun Decision = "runs"
	// WillSkip: the guard is false.
	WillSkip Decision = "skipped"
	// Depends: the guard needs what only the run will know.
	Depends Decision = "decided at run time"
	// OnFailure: it is part of a rescue.
	OnFailure Decision = "only if the group fails"
)

// PlannedStep is one row of a plan: what a step would do, and how that would be undone.
type PlannedStep struct {
	// Section is steps, failsafe or finally.
	Section string `json:"section"`
	// Depth is how many groups are around it, and Role what it is there: a branch of a parallel, a round of a
	// for-each, part of a rescue or of a finally; "" is one of the steps.
	Depth int    `json:"depth,omitempty"`
	Role  string `json:"role,omitempty"`
	Path  string `json:"path"`
	ID    string `json:"id,omitempty"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	// Item is the item of the round, after those of the for-each around it.
	Item  string   `json:"item,omitempty"`
	Guard Decision `json:"guard"`
	// When is the guard's source, and Waits are the names that it waits for.
	When  string   `json:"when,omitempty"`
	Waits []string `json:"waits,omitempty"`
	// Needs are the names that the arguments wait for: Do shows their sources.
	Needs []string `json:"needs,omitempty"`
	// Do and Undo are lines for people; Undo is what the recipe adds first, then the type's own.
	Do   []string `json:"do"`
	Undo []string `json:"undo,omitempty"`
	// UndoLast are lines of the undo that run when everything older was undone.
	UndoLast []string `json:"undo_last,omitempty"`
	// Nothing is true where the machine is already as wanted.
	Nothing bool `json:"nothing,omitempty"`
	// Commit marks the point of no return.
	Commit bool `json:"commit,omitempty"`
	// Suspends marks a step at which the run ends with exit code 75, and continues in another process.
	Suspends bool `json:"suspends,omitempty"`
	// Problem is why the step could not act as things stand now; an earlier step of the same run may change
	// that.
	Problem string `json:"problem,omitempty"`
	// Reads and Writes are the bytes that it will surely read and write; Space maps directories to the bytes
	// that it needs there.
	Reads  int64            `json:"reads,omitempty"`
	Writes int64            `json:"writes,omitempty"`
	Space  map[string]int64 `json:"space,omitempty"`

	// Changes reports whether the type has effects at all; one that has, and no Undo, cannot be rolled back.
	Changes bool `json:"changes,omitempty"`

	// Forgiven steps may fail: what is around them continues.
	Forgiven bool `json:"-"`
	// Err is why it could not act as things stand, and fails why it will fail although it can be carried out.
	Err, Fails error `json:"-"`
	// UndoErr is why a program that its undo runs could not be started as things stand.
	UndoErr error             `json:"-"`
	Named   runstate.StepName `json:"-"`
	// Settled rows do not depend on what an earlier step gives.
	Settled bool `json:"-"`
	// Touches are the paths that it changes, and touchesAny is set where one of them is not known yet.
	Touches    []string `json:"-"`
	TouchesAny bool     `json:"-"`
}

// Conceal takes secrets out of what a step type says.
func Conceal(p *PlannedStep, mask *tasklog.Mask) {
	p.Name, p.Item, p.Problem = mask.Text(p.Name), mask.Text(p.Item), mask.Text(p.Problem)
	for _, lines := range [][]string{p.Do, p.Undo, p.UndoLast} {
		for i := range lines {
			lines[i] = mask.Text(lines[i])
		}
	}
}

// PlannedUndo takes over how the type undoes the step: where it refreshes, and does not tell its two parts
// apart, all of it runs last.
func PlannedUndo(p *PlannedStep, about step.About, undo, last []string) {
	if about.Refreshes() && len(last) == 0 {
		undo, last = nil, undo
	}
	p.Undo, p.UndoLast = undo, last
}

// Touch works out which paths a leaf changes: those of its declared effects whose arguments are known.
func Touch(row *PlannedStep, about step.About, arguments map[string]any) {
	for _, effect := range about.Effects {
		if !effect.Kind.OnPath() {
			continue
		}
		path, known := arguments[effect.Argument].(string)
		switch {
		case known && path != "":
			row.Touches = append(row.Touches, path)
		case !effect.Conditional:
			row.TouchesAny = true
		}
	}
}
