package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// preflight checks the plan before anything is touched: the journal must outlive a power cut, the first step with effects must be able to
// act, and what all steps need must fit on each file system.
func (e *Engine) preflight(ctx context.Context, x *runner) error {
	known := e.known(x)
	rows := known.steps(ctx)
	if err := e.lasting(x.state.Begin, rows); err != nil {
		return err
	}
	if found := append(known.refusals(rows), tooLittle(known.space(rows))...); len(found) > 0 {
		return found[0]
	}
	for _, warning := range known.warnings(rows) {
		x.task.Warn(warning.Text)
		x.task.Warn("hint: " + warning.Hint)
	}
	return nil
}

// lasting makes sure that the journal of a run outlives what the rows change.
func (e *Engine) lasting(begin runstate.BeginRecord, rows []PlannedStep) error {
	if e.VolatileState {
		return nil
	}
	return volatileState(e.Machine, e.State.Folder, changedBy(begin, rows))
}

// foreseeSize refuses a plan whose run would not fit into its first record, as far as the plan knows the values.
func foreseeSize(x *runner, begin runstate.BeginRecord) error {
	var err error
	if begin.Inputs, err = program.ShownInputs(x.program, x.state.inputs); err != nil {
		return nil
	}
	begin.Facts, _ = program.EncodeObject(program.FactsType(x.program), x.state.facts)
	begin.Vars, _ = x.variableRecord()
	return begin.Fits()
}
