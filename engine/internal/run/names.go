package run

import (
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Names are the values that the expressions of a step read at this point of the run, in these rounds of the
// for-each around it.
func (h *State) Names(n *program.Node, r runstate.Rounds, recovering bool) map[string]any {
	within := h.scope(n.Own, r)
	names := h.seen(within, recovering)
	if n.Last {
		names["steps"] = lateInstance{within}
	}
	if n.Rescues != nil {
		h.Guard.Lock()
		failure := h.rescues[instance{n.Rescues, r.In(n.Rescues.Own.Loops).Key()}]
		h.Guard.Unlock()
		names["error"] = runstate.ErrorValues(failure)
	}
	return names
}

// Own are the values that the expressions of the recipe itself read: its vars, its outputs.
func (h *State) Own() map[string]any { return h.seen(h.scope(h.Program.Root, nil), false) }

func (h *State) seen(s *scopeInstance, recovering bool) map[string]any {
	inputs, vars := h.Inputs, h.Vars
	if s.recipe != nil {
		inputs, vars = s.recipe.inputs, s.recipe.vars
	}
	names := map[string]any{
		"inputs": inputs,
		"vars":   vars,
		"host":   h.host,
		"facts":  h.Facts,
		"run": map[string]any{
			"id": h.Begin.Run, "recipe": h.Begin.Recipe, "dir": string(h.directory), "recovering": recovering,
		},
		"steps": s,
	}
	if s.looped {
		names["item"], names["index"] = s.item, s.index
	}
	return names
}
