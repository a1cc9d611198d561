package engine

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

func (h *runState) bindItems(r runstate.ItemsRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	if n.items == nil || len(r.Keys) > 0 && len(r.Keys) != len(r.Items) {
		return fmt.Errorf("the step %s has no such items", r.Step)
	}
	for i, raw := range r.Items {
		item, err := decodeValue(n.items.typeOf(i, r.Keys), raw)
		if err != nil {
			return err
		}
		round := h.fresh(n.own, r.Rounds.Next(i))
		round.looped, round.item, round.index = true, item, i
		if len(r.Keys) > 0 {
			round.index = r.Keys[i]
		}
	}
	h.lengths[instance{n, r.Rounds.Key()}] = len(r.Items)
	return nil
}

func (h *runState) bindBranches(r runstate.StepRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	if as[*parallel](n) == nil {
		return fmt.Errorf("the step %s has no branches", r.Step)
	}
	for _, branch := range as[*parallel](n).branches {
		h.fresh(branch.in, r.Rounds)
	}
	return nil
}

func (h *runState) bindUsed(r runstate.UsedRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	u := as[*used](n)
	if u == nil {
		return fmt.Errorf("the step %s uses no recipe", r.Step)
	}
	inputs := map[string]any{}
	for _, input := range u.recipe.Inputs {
		if raw, ok := r.Inputs[input.Name.Text]; ok {
			if inputs[input.Name.Text], err = decodeValue(input.Type, raw); err != nil {
				return err
			}
		}
	}
	names := h.names(n, r.Rounds, false)
	for _, given := range u.with {
		if given.typ.HoldsSecret() {
			if inputs[given.name], err = given.value.evaluate(names); err != nil {
				return err
			}
		}
	}
	within := h.fresh(u.area, r.Rounds)
	within.inputs = h.secrets.watch(inputs)
	within.vars, err = decodeNamed(u.variables, r.Vars)
	return err
}

func (h *runState) bindEntered(r runstate.EnteredRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	h.bindFrame(r.Frame, n, nil)
	return nil
}

// bindEnded makes visible around it what a for-each, a parallel or a use left.
func (h *runState) bindEnded(r runstate.ResultRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	switch {
	case n.items != nil && len(r.Rounds) == n.in.loops:
		h.collectRounds(n, r.Rounds)
	case as[*parallel](n) != nil:
		around := h.scene(n.own, r.Rounds)
		for _, branch := range as[*parallel](n).branches {
			within := h.scene(branch.in, r.Rounds)
			for _, left := range branch.in.left {
				around.set(left.id, within.steps[left.id])
			}
		}
	case as[*used](n) != nil:
		outputs, err := decodeObject(n.outputs(), r.Outputs)
		if err != nil {
			return err
		}
		h.setOutputs(n, r.Rounds, outputs)
	}
	h.settle(n, r.Rounds)
	return nil
}

// collectRounds makes lists of what the rounds of a for-each left: null where a round left nothing, or no list.
func (h *runState) collectRounds(n *node, r runstate.Rounds) {
	around := h.scene(n.in, r)
	count := h.lengths[instance{n, r.Key()}]
	for _, left := range n.own.left {
		list := make([]any, count)
		for i := range list {
			list[i] = h.scene(n.own, r.Next(i)).steps[left.id]
			if list[i] == nil && left.list {
				list[i] = []any{}
			}
		}
		around.set(left.id, list)
	}
}

func (h *runState) bindRescue(r runstate.TroubleRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	h.Guard.Lock()
	defer h.Guard.Unlock()
	h.rescues[instance{n, r.Rounds.Key()}] = r.Error
	return nil
}
