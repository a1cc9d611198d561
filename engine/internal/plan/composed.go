package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// plannedRounds is how many rounds of a for-each a plan shows.
const plannedRounds = 50

// step plans a step with all that it is made of. over tells that a stop ends the run there.
func (f *forecast) step(ctx context.Context, n *program.Node) (rows []program.PlannedStep, over bool) {
	if n.Items == nil {
		return f.once(ctx, n)
	}
	record, err := runstate.ItemsRecord{}, error(nil)
	known := len(f.missing(n.Items.Value.References())) == 0
	if known {
		record, err = n.Items.Evaluate(f.names)
	}
	head := program.PlannedStep{Path: n.Path(), ID: n.ID(), Name: n.Describe(), Type: "for-each", Guard: program.WillRun}
	if n.Title != nil && !n.TitledByItem() {
		head.Name = f.title(n)
	}
	switch {
	case err != nil:
		head.Problem, known = err.Error(), false
	case known:
		head.Do = []string{fmt.Sprintf("%d rounds", len(record.Items))}
	default:
		head.Needs = f.missing(n.Items.Value.References())
		head.Do = []string{"a round for each of " + n.Items.Value.Source()}
	}
	rows = append(rows, head)
	unsettled := readsSteps(n.Items.Value.References())
	if !known {
		round, leave := f.nested()
		round.unsettled = round.unsettled || unsettled
		inner, _ := round.once(ctx, n)
		leave()
		f.markUnknown(n)
		return append(rows, nestedRows(inner, "round")...), false
	}
	for i, raw := range record.Items {
		if i == plannedRounds {
			rows = append(rows, program.PlannedStep{Path: n.Path(), Name: fmt.Sprintf("and %d rounds more", len(record.Items)-i), Type: "for-each", Guard: program.WillRun, Depth: 1, Role: "round"})
			break
		}
		round, leave := f.nested()
		round.unsettled = round.unsettled || unsettled
		round.names["index"] = i
		if len(record.Keys) > 0 {
			round.names["index"] = record.Keys[i]
		}
		if item, err := program.DecodeValue(n.Items.TypeOf(i, record.Keys), raw); err == nil {
			round.names["item"] = item
		}
		round.items = append(slices.Clone(f.items), program.ItemText(round.names))
		inner, stops := round.once(ctx, n)
		leave()
		if !n.TitledByItem() {
			inner[0].Name = fmt.Sprintf("%d of %d: %s", i+1, len(record.Items), program.ItemText(round.names))
		}
		rows = append(rows, nestedRows(inner, "round")...)
		if stops {
			return rows, true
		}
	}
	f.markUnknown(n)
	return rows, false
}

// once plans a step in one round.
func (f *forecast) once(ctx context.Context, n *program.Node) (rows []program.PlannedStep, over bool) {
	row := f.row(ctx, n)
	row.Forgiven = n.Step.AllowFailure || n.Step.Retry != nil
	rows = []program.PlannedStep{row}
	if row.Guard == program.WillSkip {
		f.skip(n)
		return rows, false
	}
	var inner []program.PlannedStep
	if made := n.Composed(); made != nil {
		inner, over = made.PlanContents(ctx, f, n, &rows[0])
	}
	if program.As[*program.StopStep](n) != nil {
		return rows, row.Guard == program.WillRun && n.User() == nil
	}
	for i := range inner {
		inner[i].Forgiven = inner[i].Forgiven || row.Forgiven
		inner[i].Settled = inner[i].Settled && row.Settled
		if row.Guard == program.Depends && inner[i].Guard == program.WillRun {
			inner[i].Guard, inner[i].When, inner[i].Waits = program.Depends, row.When, row.Waits
		}
	}
	if row.Guard != program.WillRun {
		f.markUnknown(n)
	}
	return append(rows, inner...), over && row.Guard == program.WillRun
}

func (f *forecast) list(ctx context.Context, nodes []*program.Node) (rows []program.PlannedStep, over bool) {
	for _, n := range nodes {
		more, stops := f.step(ctx, n)
		rows = append(rows, more...)
		if stops {
			return rows, true
		}
		if program.As[*program.StopStep](n) != nil && more[0].Guard == program.WillRun {
			break // the recipe that is used ends there
		}
	}
	return rows, false
}

// Group plans the steps of a group, its rescue and its finally.
func (f *forecast) Group(ctx context.Context, n *program.Node) (rows []program.PlannedStep, over bool) {
	g := program.As[*program.Group](n)
	inner, over := f.list(ctx, g.Steps)
	if len(g.Rescue) > 0 {
		f.markUnknown(n)
		for i := range inner {
			inner[i].Forgiven = true
		}
	}
	rows = nestedRows(inner, "")
	rescue := f.planApart(ctx, g.Rescue, "rescue")
	for i := range rescue {
		rescue[i].Guard, rescue[i].Forgiven = program.OnFailure, true
	}
	rows = append(rows, rescue...)
	return append(rows, f.planApart(ctx, g.Finally, "finally")...), over
}

// Parallel plans the branches of a parallel.
func (f *forecast) Parallel(ctx context.Context, n *program.Node, row *program.PlannedStep) (rows []program.PlannedStep) {
	p := program.As[*program.Parallel](n)
	row.Do = []string{fmt.Sprintf("%d branches side by side", len(p.Branches))}
	if p.Limit != nil {
		row.Do[0] += ", at most " + f.Text(p.Limit) + " at one time"
	}
	left := map[string]any{}
	for _, branch := range p.Branches {
		inner, leave := f.nested()
		more, _ := inner.step(ctx, branch)
		rows = append(rows, nestedRows(more, "branch")...)
		for _, one := range branch.In.Left {
			if v, known := inner.steps.outputs[one.Id]; known {
				left[one.Id] = v
			}
		}
		leave()
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		f.steps.set(id, left[id])
	}
	return rows
}

// Use plans another recipe, with the inputs that are known.
func (f *forecast) Use(ctx context.Context, n *program.Node, row *program.PlannedStep) []program.PlannedStep {
	u := program.As[*program.Used](n)
	if u.Recipe == nil {
		return nil
	}
	row.Do = []string{"the recipe " + u.Recipe.Name.Text}
	inputs, vars := map[string]any{}, map[string]any{}
	for _, input := range u.Recipe.Inputs {
		if input.Default != nil {
			inputs[input.Name.Text] = input.Default
		}
	}
	for _, given := range u.With {
		delete(inputs, given.Name)
		if len(f.missing(given.Value.References())) == 0 {
			if v, err := given.Value.Evaluate(f.names); err == nil {
				inputs[given.Name] = v
			} else {
				row.Problem = err.Error()
			}
		}
	}
	unsettled := f.unsettled || slices.ContainsFunc(u.With, func(given program.NamedValue) bool { return readsSteps(given.Value.References()) })
	outputs := map[string]any{}
	within := append(slices.Clone(f.within), runstate.ShortName(f.named(n)))
	inner := &forecast{machine: f.machine, unsettled: unsettled, items: f.items, within: within, steps: &plannedOutputs{outputs: outputs}, names: map[string]any{
		"inputs": inputs, "vars": vars, "host": f.names["host"], "run": f.names["run"], "steps": outputs,
	}}
	for _, variable := range u.Variables {
		if len(inner.missing(variable.Value.References())) == 0 {
			if v, err := variable.Value.Evaluate(inner.names); err == nil {
				vars[variable.Name] = v
			}
		}
	}
	rows, _ := inner.list(ctx, u.Steps)
	rows = nestedRows(rows, "")
	return append(rows, inner.planApart(ctx, u.Finally, "finally")...)
}

// planApart plans what no later step relies on.
func (f *forecast) planApart(ctx context.Context, nodes []*program.Node, role string) []program.PlannedStep {
	if len(nodes) == 0 {
		return nil
	}
	inner, leave := f.nested()
	defer leave()
	rows, _ := inner.list(ctx, nodes)
	return nestedRows(rows, role)
}

// nested is the forecast of a part whose outputs are not seen from outside yet. It holds until the part is
// left.
func (f *forecast) nested() (inner *forecast, leave func()) {
	changes := len(f.steps.former)
	return &forecast{names: maps.Clone(f.names), steps: f.steps, machine: f.machine, items: f.items, within: f.within, unsettled: f.unsettled}, func() { f.steps.revert(changes) }
}

// skip notes that what a step leaves will be absent; lose that nobody knows yet what it leaves.
func (f *forecast) skip(n *program.Node) {
	for _, id := range n.IDs(nil) {
		f.steps.set(id, nil)
	}
}

func (f *forecast) markUnknown(n *program.Node) {
	for _, id := range n.IDs(nil) {
		f.steps.markUnknown(id)
	}
}

// nestedRows puts rows below a head, of which the first ones have a role there.
func nestedRows(rows []program.PlannedStep, role string) []program.PlannedStep {
	for i := range rows {
		if rows[i].Depth == 0 && rows[i].Role == "" {
			rows[i].Role = role
		}
		rows[i].Depth++
	}
	return rows
}
