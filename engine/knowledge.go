package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// knowledge is what is known of a run before its first step.
type knowledge struct {
	program *Program
	// names are what expressions read; what they do not have is not known yet.
	names map[string]any
	// standing are the runs whose undo is kept.
	standing []*runstate.StoredRun
	machine  step.Machine
	mask     *tasklog.Mask
	// unwatched reports that nothing on this machine goes on with a run that waits; nil where something does.
	unwatched func(wait runstate.Cause) *fault.Fault
}

// variables evaluates the vars that can be known before the run; the others stay unknown.
func (k knowledge) variables() (map[string]any, error) {
	values := map[string]any{}
	names := program.With(k.names, "vars", values)
	for _, variable := range k.program.Variables {
		if len((&forecast{names: names}).missing(variable.Value.References())) > 0 {
			continue
		}
		v, err := variable.Value.Evaluate(names)
		if err != nil {
			return nil, program.VariableInvalid(variable.Name, err)
		}
		values[variable.Name] = v
	}
	return values, nil
}

// steps are the rows of the plan.
func (k knowledge) steps(ctx context.Context) []PlannedStep {
	outputs := map[string]any{}
	forecast := &forecast{names: program.With(k.names, "steps", outputs), machine: k.machine, standing: k.standing, steps: &plannedOutputs{outputs: outputs}}
	var rows []PlannedStep
	for _, section := range []struct {
		name  string
		nodes []*program.Node
	}{{"steps", k.program.Steps}, {"failsafe", k.program.Failsafe}, {"finally", k.program.Finally}} {
		for _, n := range section.nodes {
			more, over := forecast.step(ctx, n)
			for _, row := range more {
				row.Section = section.name
				if section.name != "steps" {
					row.Undo, row.UndoLast = nil, nil // it makes no frame
				}
				program.Conceal(&row, k.mask)
				rows = append(rows, row)
			}
			if over {
				break // the rest of the section is skipped
			}
		}
	}
	return rows
}
