package engine

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Use carries out another recipe's steps, with inputs and vars of its own. A stop in it ends it well, and nothing else.
func (x *runner) Use(ctx context.Context, n *node, r runstate.Rounds, task *tasklog.Task) (map[string]any, error) {
	u := as[*used](n)
	record, err := x.bindInputs(n, r)
	if err != nil {
		return nil, err
	}
	if err := x.note(runstate.RecordUsed, record); err != nil {
		return nil, err
	}
	within := x.state.scene(u.area, r)
	if u.timeout != nil {
		limit, err := seconds(u.timeout, x.state.seen(within, false))
		if err != nil {
			return nil, err
		}
		task.Limit("recipe-timeout", limit)
		bounded, cancel := pace.WithTimeout(ctx, limit,
			fault.New(fault.Failed, "recipe-timeout", "the recipe %s took longer than its timeout of %s", u.recipe.Name.Text, value.DurationOf(limit)))
		defer cancel()
		ctx = bounded
	}
	if err := x.List(ctx, u.steps, r, task); err != nil {
		stop := stopped(err)
		if stop == nil {
			return nil, explain(ctx, err)
		}
		task.Info("it stopped: " + stop.text)
	}
	outputs, err := evaluateAll(u.results, x.state.seen(within, false))
	if err != nil {
		return nil, fault.New(fault.Failed, "output-failed", "an output of the recipe %s cannot be evaluated", u.recipe.Name.Text).WithCause(err)
	}
	return outputs, nil
}

// bindInputs evaluates what a recipe is used with, checks it as if it were given to a run, and evaluates its vars.
func (x *runner) bindInputs(n *node, r runstate.Rounds) (runstate.UsedRecord, error) {
	u := as[*used](n)
	record := runstate.UsedRecord{Step: n.path(), Rounds: r, Inputs: map[string]json.RawMessage{}}
	names := x.state.names(n, r, false)
	given, err := evaluateAll(u.with, names)
	if err != nil {
		return record, inputOfUse(u, err)
	}
	folder, err := filepath.Abs(filepath.Dir(u.recipe.File))
	if err != nil {
		return record, err
	}
	inputs := map[string]any{}
	for _, input := range u.recipe.Inputs {
		name := input.Name.Text
		v, ok := given[name]
		if !ok {
			if input.Default == nil {
				continue
			}
			v = input.Default
		} else if err := input.Check(v); err != nil {
			return record, inputOfUse(u, err)
		}
		if err := mountedInput(input, absolute(input.Type, v, folder)); err != nil {
			return record, err
		}
		inputs[name] = absolute(input.Type, v, folder)
		if input.Type.HoldsSecret() {
			continue
		}
		if record.Inputs[name], err = value.ToJSON(input.Type, inputs[name]); err != nil {
			return record, inputOfUse(u, err)
		}
	}
	own := map[string]any{"inputs": inputs, "host": names["host"], "run": names["run"]}
	variables, err := evaluateVariables(u.variables, own)
	if err != nil {
		return record, err
	}
	record.Vars, err = encodeNamed(u.variables, variables)
	return record, err
}

func inputOfUse(u *used, err error) error {
	return fault.New(fault.Failed, "input-invalid", "an input of the recipe %s cannot be used", u.recipe.Name.Text).WithCause(err)
}
