package run

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Use carries out another recipe's steps, with inputs and vars of its own. A stop in it ends it well, and
// nothing else.
func (x *Runner) Use(ctx context.Context, n *program.Node, r runstate.Rounds, task *tasklog.Task) (map[string]any, error) {
	u := program.As[*program.Used](n)
	record, err := x.bindInputs(n, r)
	if err != nil {
		return nil, err
	}
	if err := x.note(runstate.RecordUsed, record); err != nil {
		return nil, err
	}
	within := x.State.scope(u.Scope, r)
	if u.Timeout != nil {
		limit, err := program.Seconds(u.Timeout, x.State.seen(within, false))
		if err != nil {
			return nil, err
		}
		task.Limit("recipe-timeout", limit)
		bounded, cancel := pace.WithTimeout(ctx, limit,
			fault.New(fault.Failed, "recipe-timeout", "the recipe %s took longer than its timeout of %s", u.Recipe.Name.Text, value.DurationOf(limit)))
		defer cancel()
		ctx = bounded
	}
	if err := x.List(ctx, u.Steps, r, task); err != nil {
		stop := stopped(err)
		if stop == nil {
			return nil, program.Explain(ctx, err)
		}
		task.Info("it stopped: " + stop.text)
	}
	outputs, err := program.EvaluateAll(u.Results, x.State.seen(within, false))
	if err != nil {
		return nil, fault.New(fault.Failed, "output-failed", "an output of the recipe %s cannot be evaluated", u.Recipe.Name.Text).WithCause(err)
	}
	return outputs, nil
}

// bindInputs evaluates what a recipe is used with, checks it as if it were given to a run, and evaluates its
// vars.
func (x *Runner) bindInputs(n *program.Node, r runstate.Rounds) (runstate.UsedRecord, error) {
	u := program.As[*program.Used](n)
	record := runstate.UsedRecord{Step: n.Path(), Rounds: r, Inputs: map[string]json.RawMessage{}}
	names := x.State.Names(n, r, false)
	given, err := program.EvaluateAll(u.With, names)
	if err != nil {
		return record, inputOfUse(u, err)
	}
	directory, err := filepath.Abs(filepath.Dir(u.Recipe.File))
	if err != nil {
		return record, err
	}
	inputs := map[string]any{}
	for _, input := range u.Recipe.Inputs {
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
		if err := program.MountedInput(input, program.Absolute(input.Type, v, directory)); err != nil {
			return record, err
		}
		inputs[name] = program.Absolute(input.Type, v, directory)
		if input.Type.HoldsSecret() {
			continue
		}
		if record.Inputs[name], err = value.ToJSON(input.Type, inputs[name]); err != nil {
			return record, inputOfUse(u, err)
		}
	}
	own := map[string]any{"inputs": inputs, "host": names["host"], "run": names["run"]}
	variables, err := program.EvaluateVariables(u.Variables, own)
	if err != nil {
		return record, err
	}
	record.Vars, err = program.EncodeNamed(u.Variables, variables)
	return record, err
}

func inputOfUse(u *program.Used, err error) error {
	return fault.New(fault.Failed, "input-invalid", "an input of the recipe %s cannot be used", u.Recipe.Name.Text).WithCause(err)
}
