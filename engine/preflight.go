package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/plan"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// preflight checks the plan before anything is touched: the journal must outlive a power cut, the first step
// with effects must be able to act, and what all steps need must fit on each file system.
func (e *Engine) preflight(ctx context.Context, x *run.Runner) error {
	known := e.known(x)
	rows := known.Steps(ctx)
	if err := e.lasting(x.State.Begin, rows); err != nil {
		return err
	}
	if found := append(known.Refusals(rows), plan.TooLittle(known.Space(rows))...); len(found) > 0 {
		return found[0]
	}
	for _, warning := range known.Warnings(rows) {
		x.Task.Warn(warning.Text)
		x.Task.Warn("hint: " + warning.Hint)
	}
	return nil
}

// lasting makes sure that the journal of a run outlives what the rows change.
func (e *Engine) lasting(begin runstate.BeginRecord, rows []PlannedStep) error {
	if e.VolatileState {
		return nil
	}
	return plan.VolatileState(e.Machine, e.State.Directory, plan.ChangedBy(begin, rows))
}

// foreseeSize refuses a plan whose run would not fit into its first record, as far as the plan knows the
// values.
func foreseeSize(x *run.Runner, begin runstate.BeginRecord) error {
	var err error
	if begin.Inputs, err = program.ShownInputs(x.Program, x.State.Inputs); err != nil {
		return nil
	}
	begin.Facts, _ = program.EncodeObject(program.FactsType(x.Program), x.State.Facts)
	begin.Vars, _ = x.VariableRecord()
	return begin.Fits()
}
