package plan

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Known is what is known of a run before its first step.
type Known struct {
	Program *program.Program
	// Names are what expressions read; what they do not have is not known yet.
	Names map[string]any
	// Standing are the runs whose undo is kept.
	Standing []*runstate.StoredRun
	Machine  step.Machine
	Mask     *tasklog.Mask
	// Unwatched reports that nothing on this machine continues a run that waits; nil where something does.
	Unwatched func(wait runstate.Cause) *fault.Fault
}

// Variables evaluates the vars that can be known before the run; the others stay unknown.
func (k Known) Variables() (map[string]any, error) {
	values := map[string]any{}
	names := program.With(k.Names, "vars", values)
	for _, variable := range k.Program.Variables {
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

// Steps are the rows of the plan.
func (k Known) Steps(ctx context.Context) []program.PlannedStep {
	outputs := map[string]any{}
	forecast := &forecast{names: program.With(k.Names, "steps", outputs), machine: k.Machine, standing: k.Standing, steps: &plannedOutputs{outputs: outputs}}
	var rows []program.PlannedStep
	for _, section := range []struct {
		name  string
		nodes []*program.Node
	}{{"steps", k.Program.Steps}, {"failsafe", k.Program.Failsafe}, {"finally", k.Program.Finally}} {
		for _, n := range section.nodes {
			more, over := forecast.step(ctx, n)
			for _, row := range more {
				row.Section = section.name
				if section.name != "steps" {
					row.Undo, row.UndoLast = nil, nil // it makes no frame
				}
				program.Conceal(&row, k.Mask)
				rows = append(rows, row)
			}
			if over {
				break // the rest of the section is skipped
			}
		}
	}
	return rows
}
