package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// plannedRounds is how many rounds of a for-each a plan shows.
const plannedRounds = 50

// step plans a step with all that it is made of. over tells that a stop ends the run there.
func (f *forecast) step(ctx context.Context, n *node) (rows []PlannedStep, over bool) {
	if n.items == nil {
		return f.once(ctx, n)
	}
	record, err := runstate.ItemsRecord{}, error(nil)
	known := len(f.missing(n.items.value.references())) == 0
	if known {
		record, err = n.items.evaluate(f.names)
	}
	head := PlannedStep{Path: n.path(), ID: n.id(), Name: n.describe(), Type: "for-each", Guard: WillRun}
	if n.title != nil && !n.titledByItem() {
		head.Name = f.title(n)
	}
	switch {
	case err != nil:
		head.Problem, known = err.Error(), false
	case known:
		head.Do = []string{fmt.Sprintf("%d rounds", len(record.Items))}
	default:
		head.Needs = f.missing(n.items.value.references())
		head.Do = []string{"a round for each of " + n.items.value.source()}
	}
	rows = append(rows, head)
	unsettled := readsSteps(n.items.value.references())
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
			rows = append(rows, PlannedStep{Path: n.path(), Name: fmt.Sprintf("and %d rounds more", len(record.Items)-i), Type: "for-each", Guard: WillRun, Depth: 1, Role: "round"})
			break
		}
		round, leave := f.nested()
		round.unsettled = round.unsettled || unsettled
		round.names["index"] = i
		if len(record.Keys) > 0 {
			round.names["index"] = record.Keys[i]
		}
		if item, err := decodeValue(n.items.typeOf(i, record.Keys), raw); err == nil {
			round.names["item"] = item
		}
		round.items = append(slices.Clone(f.items), itemText(round.names))
		inner, stops := round.once(ctx, n)
		leave()
		if !n.titledByItem() {
			inner[0].Name = fmt.Sprintf("%d of %d: %s", i+1, len(record.Items), itemText(round.names))
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
func (f *forecast) once(ctx context.Context, n *node) (rows []PlannedStep, over bool) {
	row := f.row(ctx, n)
	row.forgiven = n.step.AllowFailure || n.step.Retry != nil
	rows = []PlannedStep{row}
	if row.Guard == WillSkip {
		f.skip(n)
		return rows, false
	}
	var inner []PlannedStep
	if made := n.composed(); made != nil {
		inner, over = made.planContents(ctx, f, n, &rows[0])
	}
	if as[*stopStep](n) != nil {
		return rows, row.Guard == WillRun && n.user() == nil
	}
	for i := range inner {
		inner[i].forgiven = inner[i].forgiven || row.forgiven
		inner[i].settled = inner[i].settled && row.settled
		if row.Guard == Depends && inner[i].Guard == WillRun {
			inner[i].Guard, inner[i].When, inner[i].Waits = Depends, row.When, row.Waits
		}
	}
	if row.Guard != WillRun {
		f.markUnknown(n)
	}
	return append(rows, inner...), over && row.Guard == WillRun
}

func (f *forecast) list(ctx context.Context, nodes []*node) (rows []PlannedStep, over bool) {
	for _, n := range nodes {
		more, stops := f.step(ctx, n)
		rows = append(rows, more...)
		if stops {
			return rows, true
		}
		if as[*stopStep](n) != nil && more[0].Guard == WillRun {
			break // the recipe that is used ends there
		}
	}
	return rows, false
}

func (f *forecast) Group(ctx context.Context, n *node) (rows []PlannedStep, over bool) {
	g := as[*group](n)
	inner, over := f.list(ctx, g.steps)
	if len(g.rescue) > 0 {
		f.markUnknown(n)
		for i := range inner {
			inner[i].forgiven = true
		}
	}
	rows = nestedRows(inner, "")
	rescue := f.planApart(ctx, g.rescue, "rescue")
	for i := range rescue {
		rescue[i].Guard, rescue[i].forgiven = OnFailure, true
	}
	rows = append(rows, rescue...)
	return append(rows, f.planApart(ctx, g.finally, "finally")...), over
}

func (f *forecast) Parallel(ctx context.Context, n *node, row *PlannedStep) (rows []PlannedStep) {
	p := as[*parallel](n)
	row.Do = []string{fmt.Sprintf("%d branches side by side", len(p.branches))}
	if p.limit != nil {
		row.Do[0] += ", at most " + f.Text(p.limit) + " at one time"
	}
	left := map[string]any{}
	for _, branch := range p.branches {
		inner, leave := f.nested()
		more, _ := inner.step(ctx, branch)
		rows = append(rows, nestedRows(more, "branch")...)
		for _, one := range branch.in.left {
			if v, known := inner.steps.outputs[one.id]; known {
				left[one.id] = v
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
func (f *forecast) Use(ctx context.Context, n *node, row *PlannedStep) []PlannedStep {
	u := as[*used](n)
	if u.recipe == nil {
		return nil
	}
	row.Do = []string{"the recipe " + u.recipe.Name.Text}
	inputs, vars := map[string]any{}, map[string]any{}
	for _, input := range u.recipe.Inputs {
		if input.Default != nil {
			inputs[input.Name.Text] = input.Default
		}
	}
	for _, given := range u.with {
		delete(inputs, given.name)
		if len(f.missing(given.value.references())) == 0 {
			if v, err := given.value.evaluate(f.names); err == nil {
				inputs[given.name] = v
			} else {
				row.Problem = err.Error()
			}
		}
	}
	unsettled := f.unsettled || slices.ContainsFunc(u.with, func(given namedValue) bool { return readsSteps(given.value.references()) })
	outputs := map[string]any{}
	within := append(slices.Clone(f.within), runstate.ShortName(f.named(n)))
	inner := &forecast{machine: f.machine, unsettled: unsettled, items: f.items, within: within, steps: &plannedOutputs{outputs: outputs}, names: map[string]any{
		"inputs": inputs, "vars": vars, "host": f.names["host"], "run": f.names["run"], "steps": outputs,
	}}
	for _, variable := range u.variables {
		if len(inner.missing(variable.value.references())) == 0 {
			if v, err := variable.value.evaluate(inner.names); err == nil {
				vars[variable.name] = v
			}
		}
	}
	rows, _ := inner.list(ctx, u.steps)
	rows = nestedRows(rows, "")
	return append(rows, inner.planApart(ctx, u.finally, "finally")...)
}

// planApart plans what no later step relies on.
func (f *forecast) planApart(ctx context.Context, nodes []*node, role string) []PlannedStep {
	if len(nodes) == 0 {
		return nil
	}
	inner, leave := f.nested()
	defer leave()
	rows, _ := inner.list(ctx, nodes)
	return nestedRows(rows, role)
}

// nested is the forecast of a part whose outputs are not seen from outside yet. It holds until the part is left.
func (f *forecast) nested() (inner *forecast, leave func()) {
	changes := len(f.steps.former)
	return &forecast{names: maps.Clone(f.names), steps: f.steps, machine: f.machine, items: f.items, within: f.within, unsettled: f.unsettled}, func() { f.steps.revert(changes) }
}

// skip notes that what a step leaves will be absent; lose that nobody knows yet what it leaves.
func (f *forecast) skip(n *node) {
	for _, id := range n.ids(nil) {
		f.steps.set(id, nil)
	}
}

func (f *forecast) markUnknown(n *node) {
	for _, id := range n.ids(nil) {
		f.steps.markUnknown(id)
	}
}

// ids lists the ids by which the node, and what is within it, is read.
func (n *node) ids(known []string) []string {
	if n.leaves() && n.id() != "" {
		known = append(known, n.id())
	}
	var within []*node
	if made := n.composed(); made != nil {
		_, within = made.inner()
	}
	for _, inner := range within {
		known = inner.ids(known)
	}
	return known
}

// nestedRows puts rows below a head, of which the first ones have a role there.
func nestedRows(rows []PlannedStep, role string) []PlannedStep {
	for i := range rows {
		if rows[i].Depth == 0 && rows[i].Role == "" {
			rows[i].Role = role
		}
		rows[i].Depth++
	}
	return rows
}
