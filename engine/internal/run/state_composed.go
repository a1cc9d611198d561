package run

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

func (h *State) bindItems(r runstate.ItemsRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	if n.Items == nil || len(r.Keys) > 0 && len(r.Keys) != len(r.Items) {
		return fmt.Errorf("the step %s has no such items", r.Step)
	}
	for i, raw := range r.Items {
		item, err := program.DecodeValue(n.Items.TypeOf(i, r.Keys), raw)
		if err != nil {
			return err
		}
		round := h.fresh(n.Own, r.Rounds.Next(i))
		round.looped, round.item, round.index = true, item, i
		if len(r.Keys) > 0 {
			round.index = r.Keys[i]
		}
	}
	h.lengths[instance{n, r.Rounds.Key()}] = len(r.Items)
	return nil
}

func (h *State) bindBranches(r runstate.StepRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	if program.As[*program.Parallel](n) == nil {
		return fmt.Errorf("the step %s has no branches", r.Step)
	}
	for _, branch := range program.As[*program.Parallel](n).Branches {
		h.fresh(branch.In, r.Rounds)
	}
	return nil
}

func (h *State) bindUsed(r runstate.UsedRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	u := program.As[*program.Used](n)
	if u == nil {
		return fmt.Errorf("the step %s uses no recipe", r.Step)
	}
	inputs := map[string]any{}
	for _, input := range u.Recipe.Inputs {
		if raw, ok := r.Inputs[input.Name.Text]; ok {
			if inputs[input.Name.Text], err = program.DecodeValue(input.Type, raw); err != nil {
				return err
			}
		}
	}
	names := h.Names(n, r.Rounds, false)
	for _, given := range u.With {
		if given.Typ.HoldsSecret() {
			if inputs[given.Name], err = given.Value.Evaluate(names); err != nil {
				return err
			}
		}
	}
	within := h.fresh(u.Scope, r.Rounds)
	within.inputs = h.Secrets.watch(inputs)
	within.vars, err = program.DecodeNamed(u.Variables, r.Vars)
	return err
}

func (h *State) bindEntered(r runstate.EnteredRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	h.bindFrame(r.Frame, n, nil)
	return nil
}

// bindEnded makes visible around it what a for-each, a parallel or a use left.
func (h *State) bindEnded(r runstate.ResultRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	switch {
	case n.Items != nil && len(r.Rounds) == n.In.Loops:
		h.collectRounds(n, r.Rounds)
	case program.As[*program.Parallel](n) != nil:
		around := h.scope(n.Own, r.Rounds)
		for _, branch := range program.As[*program.Parallel](n).Branches {
			within := h.scope(branch.In, r.Rounds)
			for _, left := range branch.In.Left {
				around.set(left.Id, within.steps[left.Id])
			}
		}
	case program.As[*program.Used](n) != nil:
		outputs, err := program.DecodeObject(n.Outputs(), r.Outputs)
		if err != nil {
			return err
		}
		h.setOutputs(n, r.Rounds, outputs)
	}
	h.settle(n, r.Rounds)
	return nil
}

// collectRounds makes lists of what the rounds of a for-each left: null where a round left nothing, or no
// list.
func (h *State) collectRounds(n *program.Node, r runstate.Rounds) {
	around := h.scope(n.In, r)
	count := h.lengths[instance{n, r.Key()}]
	for _, left := range n.Own.Left {
		list := make([]any, count)
		for i := range list {
			list[i] = h.scope(n.Own, r.Next(i)).steps[left.Id]
			if list[i] == nil && left.List {
				list[i] = []any{}
			}
		}
		around.set(left.Id, list)
	}
}

func (h *State) bindRescue(r runstate.TroubleRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	h.Guard.Lock()
	defer h.Guard.Unlock()
	h.rescues[instance{n, r.Rounds.Key()}] = r.Error
	return nil
}
