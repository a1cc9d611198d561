package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// forecast evaluates what can be evaluated already.
type forecast struct {
	// names are those that expressions read; its steps are the outputs of steps.
	names   map[string]any
	steps   *plannedOutputs
	machine step.Machine
	// standing are the runs whose undo is kept.
	standing []*runstate.StoredRun
	// items are those of the rounds around, outermost first; within names the used recipes around.
	items, within []string
	// unsettled is set in rounds over what a step gives, and in a used recipe whose inputs do.
	unsettled bool
}

func (f *forecast) row(ctx context.Context, n *program.Node) program.PlannedStep {
	row := program.PlannedStep{Path: n.Path(), ID: n.ID(), Name: f.title(n), Guard: program.WillRun, Changes: n.Changes(), Named: f.named(n), Settled: !f.unsettled}
	if n.Step.Action != nil {
		row.Type = n.Step.Action.Keyword().Text
	}
	row.Item = row.Named.Item
	f.guard(n, &row)
	n.Construct.Plan(ctx, f, n, &row)
	// The recipe's own undo runs before the type's, so it stands first.
	undo, failing := f.undoSteps(ctx, n.Undo)
	last, failingLast := f.undoSteps(ctx, n.UndoLast)
	row.Undo, row.UndoLast = append(undo, row.Undo...), append(last, row.UndoLast...)
	row.UndoErr = cmp.Or(failing, failingLast)
	return row
}

// undoSteps are the lines of the steps of an undo.
func (f *forecast) undoSteps(ctx context.Context, nodes []*program.Node) (lines []string, failing error) {
	for _, inner := range nodes {
		planned := f.row(ctx, inner)
		if why := fault.As(planned.Err); why != nil && strings.HasPrefix(why.Code, "process-") && step.AsStanding(planned.Err) != nil && planned.Guard == program.WillRun {
			failing = cmp.Or(failing, planned.Err)
		}
		for _, line := range planned.Do {
			if planned.Guard != program.WillRun {
				line += " (when " + planned.When + ")"
			}
			lines = append(lines, line)
		}
	}
	return lines, failing
}

func (f *forecast) guard(n *program.Node, row *program.PlannedStep) {
	if n.When == nil {
		return
	}
	row.When = program.OneLine(n.Step.When.Text)
	row.Settled = row.Settled && !readsSteps(n.When.References())
	if missing := f.missing(n.When.References()); len(missing) > 0 {
		row.Guard, row.Waits = program.Depends, missing
		return
	}
	answer, err := n.When.Evaluate(f.names)
	switch {
	case err != nil:
		row.Guard, row.Problem = program.Depends, err.Error()
	case !answer.(bool):
		row.Guard = program.WillSkip
	}
}

// Leaf asks the step type, where all its arguments are known; otherwise it shows their sources.
func (f *forecast) Leaf(ctx context.Context, n *program.Node, row *program.PlannedStep) {
	if row.Guard == program.WillSkip {
		return
	}
	about := n.StepType().About()
	var missing []string
	for _, argument := range n.Arguments() {
		row.Settled = row.Settled && !readsSteps(argument.Value.References())
		missing = append(missing, f.missing(argument.Value.References())...)
	}
	if len(missing) > 0 {
		row.TouchesAny = len(about.Effects) > 0
		row.Needs = merge(nil, missing)
		row.Do = []string{about.Name + " " + f.arguments(n)}
		program.PlannedUndo(row, about, ownUndo(about), nil)
		return
	}
	arguments, err := program.EvaluateAll(n.Arguments(), f.names)
	if err == nil {
		err = step.Stands(runstate.NotAsBefore(program.EffectPaths(n.StepType(), arguments), f.standing))
	}
	if err == nil {
		err = step.Stands(n.CheckReaders(arguments))
	}
	if err == nil {
		var planned step.Plan
		planned, err = n.StepType().Plan(ctx, f.machine, arguments)
		row.Do, row.Nothing, row.Space = planned.Do, planned.Nothing, planned.Space
		program.PlannedUndo(row, about, planned.Undo, planned.UndoLast)
		row.Reads, row.Writes, row.Fails = planned.Reads, planned.Writes, planned.Fails
		if program.Touch(row, about, arguments); err == nil && !planned.Nothing {
			err = f.writable(row.Touches)
		}
		if planned.Outputs != nil && n.ID() != "" && row.Guard == program.WillRun {
			f.steps.set(n.ID(), planned.Outputs)
		}
	}
	if err != nil {
		row.Err, row.Problem = err, err.Error()
		if len(row.Do) == 0 {
			row.Do = []string{about.Name + " " + f.arguments(n)}
			program.PlannedUndo(row, about, ownUndo(about), nil)
		}
	}
}

// writable reports the first of the paths at which nothing can be written.
func (f *forecast) writable(paths []string) error {
	for _, path := range paths {
		if err := writable(f.machine, path); err != nil {
			return err
		}
	}
	return nil
}

// readsSteps reports whether one of the names is an output of a step.
func readsSteps(references []expression.Reference) bool {
	return slices.ContainsFunc(references, func(r expression.Reference) bool { return r.Path[0] == "steps" })
}

// ownUndo is a type's undo in general words.
func ownUndo(about step.About) []string {
	if about.Undo == "" {
		return nil
	}
	return []string{about.Undo}
}

// arguments shows the arguments, those that are not known as their source.
func (f *forecast) arguments(n *program.Node) string {
	parts := make([]string, len(n.Arguments()))
	for i, argument := range n.Arguments() {
		parts[i] = argument.Name + "=" + f.Text(argument.Value)
	}
	return strings.Join(parts, " ")
}

// named names the step for errors.
func (f *forecast) named(n *program.Node) runstate.StepName {
	named := runstate.StepName{ID: n.ID(), Type: n.Keyword(), Item: runstate.Limited(strings.Join(f.items, ", "), runstate.NameRunes), Within: f.within, Path: n.Path(), At: n.Position()}
	if n.Title != nil {
		named.Name = runstate.Limited(strings.Join(strings.Fields(f.Text(n.Title)), " "), runstate.NameRunes)
	}
	return named
}

func (f *forecast) title(n *program.Node) string {
	if n.Title == nil {
		return n.Describe()
	}
	return f.Text(n.Title)
}

// Text is the value where it is known, and its source where it is not. A secret is never shown.
func (f *forecast) Text(d program.Dynamic) string {
	if d.Secret() {
		return "***"
	}
	if len(f.missing(d.References())) == 0 {
		if v, err := d.Evaluate(f.names); err == nil {
			return value.Text(v)
		}
	}
	return d.Source()
}

// missing lists what is read and not known yet.
func (f *forecast) missing(references []expression.Reference) []string {
	var missing []string
	for _, reference := range references {
		if !isKnown(f.names, reference.Path) {
			missing = merge(missing, []string{strings.Join(reference.Path, ".")})
		}
	}
	return missing
}

// isKnown reports whether a path of names leads to a value, or to one that is known to be absent.
func isKnown(names map[string]any, path []string) bool {
	var at any = names
	for _, name := range path {
		members, ok := at.(map[string]any)
		if !ok {
			return true // below a value, or below what is known to be absent
		}
		if at, ok = members[name]; !ok {
			return false
		}
	}
	return true
}

func merge(into, more []string) []string {
	set := map[string]bool{}
	for _, name := range append(slices.Clone(into), more...) {
		set[name] = true
	}
	return slices.Sorted(maps.Keys(set))
}
