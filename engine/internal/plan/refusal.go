package plan

import (
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// Refusal is why a run would not come to its end, as far as that is known before it begins.
type Refusal struct {
	// Step is the step that says so; nil where it is the machine, a lock or the state directory.
	Step *runstate.StepName `json:"step,omitempty"`
	Code string             `json:"code"`
	// Error is the reason, without the step's name, and Hint what to do about it.
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	// Begins is set where the run would begin, and be rolled back when it comes to the step; else it would
	// change nothing.
	Begins bool `json:"begins,omitempty"`
}

// RefusalOf is the plan's form of an error.
func (k Known) RefusalOf(err error, begins bool) Refusal {
	record := runstate.Redacted(err, k.Mask)
	return Refusal{Step: record.Where, Code: record.Code, Error: record.Message, Hint: record.Hint, Begins: begins}
}

// Refusals lists the errors of the rows that the run would meet for sure, the first one first: an error of a
// step that is reached before anything is changed, or one that no earlier step can change.
func (k Known) Refusals(rows []program.PlannedStep) (found []error) {
	var before Earlier
	for _, row := range rows {
		if row.Section != "steps" || row.Guard == program.WillSkip {
			continue
		}
		n := k.Program.ByPath[row.Path]
		// A later attempt may find what this one does not.
		if row.Err != nil && row.Guard == program.WillRun && !row.Forgiven && before.Leaves(row.Err) {
			found = append(found, &runstate.StepError{Step: row.Named, Err: declined(row.Err), Label: n.Label()})
		}
		if program.As[*program.StopStep](n) != nil || program.As[*program.HandOver](n) != nil {
			break // there may be nothing after it
		}
		before.add(row, n)
	}
	return found
}

// Failures lists what makes the run fail for sure when it comes to a step: conditions of the recipe's inputs
// and of the machine's facts, which do not change in a run, and those that are known before anything is
// changed.
func (k Known) Failures(rows []program.PlannedStep) (found []Refusal) {
	var before Earlier
	for _, row := range rows {
		if row.Section != "steps" || row.Guard == program.WillSkip {
			continue
		}
		n := k.Program.ByPath[row.Path]
		if row.Fails != nil && row.Guard == program.WillRun && !row.Forgiven && (row.Settled || before.nothing()) {
			found = append(found, k.RefusalOf(&runstate.StepError{Step: row.Named, Err: row.Fails, Label: n.Label()}, !before.nothing()))
		}
		if program.As[*program.StopStep](n) != nil || program.As[*program.HandOver](n) != nil {
			break
		}
		before.add(row, n)
	}
	return found
}

// Earlier is what the steps above a row may have changed.
type Earlier struct {
	Paths []string
	// Anything is set after a program, a reboot, or a step whose paths are not known yet.
	Anything bool
}

func (e *Earlier) nothing() bool { return !e.Anything && len(e.Paths) == 0 }

func (e *Earlier) add(row program.PlannedStep, n *program.Node) {
	e.Paths = append(e.Paths, row.Touches...)
	e.Anything = e.Anything || program.As[*program.Waiting](n) != nil || row.Changes && (n.Runs() || row.TouchesAny)
}

// Leaves reports whether nothing above can have changed what the error is about.
func (e *Earlier) Leaves(err error) bool {
	if e.nothing() {
		return true
	}
	standing := step.AsStanding(err)
	return standing != nil && !e.Anything && !slices.ContainsFunc(standing.Paths, func(path string) bool { return runstate.AnyOverlaps(path, e.Paths) })
}

// declined makes a step's "it cannot be done" the run's refusal: nothing has been touched yet.
func declined(err error) error {
	f := fault.As(err)
	if f == nil || f.Class != fault.Failed {
		return err
	}
	refusal := *f
	refusal.Class = fault.Refused
	return &refusal
}
