package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
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

func (f *forecast) row(ctx context.Context, n *node) PlannedStep {
	row := PlannedStep{Path: n.path(), ID: n.id(), Name: f.title(n), Guard: WillRun, Changes: n.changes(), named: f.named(n), settled: !f.unsettled}
	if n.step.Action != nil {
		row.Type = n.step.Action.Keyword().Text
	}
	row.Item = row.named.Item
	f.guard(n, &row)
	n.construct.plan(ctx, f, n, &row)
	// The recipe's own undo runs before the type's, so it stands first.
	undo, failing := f.undoSteps(ctx, n.undo)
	last, failingLast := f.undoSteps(ctx, n.undoLast)
	row.Undo, row.UndoLast = append(undo, row.Undo...), append(last, row.UndoLast...)
	row.undoErr = cmp.Or(failing, failingLast)
	return row
}

// undoSteps are the lines of the steps of an undo.
func (f *forecast) undoSteps(ctx context.Context, nodes []*node) (lines []string, failing error) {
	for _, inner := range nodes {
		planned := f.row(ctx, inner)
		if why := fault.As(planned.err); why != nil && strings.HasPrefix(why.Code, "process-") && step.AsStanding(planned.err) != nil && planned.Guard == WillRun {
			failing = cmp.Or(failing, planned.err)
		}
		for _, line := range planned.Do {
			if planned.Guard != WillRun {
				line += " (when " + planned.When + ")"
			}
			lines = append(lines, line)
		}
	}
	return lines, failing
}

func (f *forecast) guard(n *node, row *PlannedStep) {
	if n.when == nil {
		return
	}
	row.When = oneLine(n.step.When.Text)
	row.settled = row.settled && !readsSteps(n.when.References())
	if missing := f.missing(n.when.References()); len(missing) > 0 {
		row.Guard, row.Waits = Depends, missing
		return
	}
	answer, err := n.when.Evaluate(f.names)
	switch {
	case err != nil:
		row.Guard, row.Problem = Depends, err.Error()
	case !answer.(bool):
		row.Guard = WillSkip
	}
}

// Leaf asks the step type, where all its arguments are known; otherwise it shows their sources.
func (f *forecast) Leaf(ctx context.Context, n *node, row *PlannedStep) {
	if row.Guard == WillSkip {
		return
	}
	about := n.stepType().About()
	var missing []string
	for _, argument := range n.arguments() {
		row.settled = row.settled && !readsSteps(argument.value.references())
		missing = append(missing, f.missing(argument.value.references())...)
	}
	if len(missing) > 0 {
		row.touchesAny = len(about.Effects) > 0
		row.Needs = merge(nil, missing)
		row.Do = []string{about.Name + " " + f.arguments(n)}
		row.plannedUndo(about, ownUndo(about), nil)
		return
	}
	arguments, err := evaluateAll(n.arguments(), f.names)
	if err == nil {
		err = step.Stands(runstate.NotAsBefore(effectPaths(n.stepType(), arguments), f.standing))
	}
	if err == nil {
		err = step.Stands(n.checkReaders(arguments))
	}
	if err == nil {
		var planned step.Plan
		planned, err = n.stepType().Plan(ctx, f.machine, arguments)
		row.Do, row.Nothing, row.Space = planned.Do, planned.Nothing, planned.Space
		row.plannedUndo(about, planned.Undo, planned.UndoLast)
		row.Reads, row.Writes, row.fails = planned.Reads, planned.Writes, planned.Fails
		if row.touch(about, arguments); err == nil && !planned.Nothing {
			err = f.writable(row.touches)
		}
		if planned.Outputs != nil && n.id() != "" && row.Guard == WillRun {
			f.steps.set(n.id(), planned.Outputs)
		}
	}
	if err != nil {
		row.err, row.Problem = err, err.Error()
		if len(row.Do) == 0 {
			row.Do = []string{about.Name + " " + f.arguments(n)}
			row.plannedUndo(about, ownUndo(about), nil)
		}
	}
}

// plannedUndo takes over how the type undoes the step: where it refreshes, and does not tell its two parts apart, all of it runs last.
func (p *PlannedStep) plannedUndo(about step.About, undo, last []string) {
	if about.Refreshes() && len(last) == 0 {
		undo, last = nil, undo
	}
	p.Undo, p.UndoLast = undo, last
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
func (f *forecast) arguments(n *node) string {
	parts := make([]string, len(n.arguments()))
	for i, argument := range n.arguments() {
		parts[i] = argument.name + "=" + f.Text(argument.value)
	}
	return strings.Join(parts, " ")
}

// named names the step for errors.
func (f *forecast) named(n *node) StepName {
	named := StepName{ID: n.id(), Type: n.keyword(), Item: limited(strings.Join(f.items, ", "), nameRunes), Within: f.within, Path: n.path(), At: n.position()}
	if n.title != nil {
		named.Name = limited(strings.Join(strings.Fields(f.Text(n.title)), " "), nameRunes)
	}
	return named
}

func (f *forecast) title(n *node) string {
	if n.title == nil {
		return n.describe()
	}
	return f.Text(n.title)
}

// Text is the value where it is known, and its source where it is not. A secret is never shown.
func (f *forecast) Text(d dynamic) string {
	if d.secret() {
		return "***"
	}
	if len(f.missing(d.references())) == 0 {
		if v, err := d.evaluate(f.names); err == nil {
			return value.Text(v)
		}
	}
	return d.source()
}

// missing lists what is read and not known yet.
func (f *forecast) missing(references []expression.Reference) []string {
	var missing []string
	for _, reference := range references {
		if !known(f.names, reference.Path) {
			missing = merge(missing, []string{strings.Join(reference.Path, ".")})
		}
	}
	return missing
}

// known tells whether a path of names leads to a value, or to one that is known to be absent.
func known(names map[string]any, path []string) bool {
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
