package engine

import (
	"maps"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// names are the values that the expressions of a step read at this point of the run, in these rounds of the for-each
// around it.
func (h *runState) names(n *node, r runstate.Rounds, recovering bool) map[string]any {
	within := h.scene(n.own, r)
	names := h.seen(within, recovering)
	if n.last {
		names["steps"] = lateInstance{within}
	}
	if n.rescues != nil {
		h.Guard.Lock()
		failure := h.rescues[instance{n.rescues, r.In(n.rescues.own.loops).Key()}]
		h.Guard.Unlock()
		names["error"] = runstate.ErrorValues(failure)
	}
	return names
}

// own are the values that the expressions of the recipe itself read: its vars, its outputs.
func (h *runState) own() map[string]any { return h.seen(h.scene(h.program.root, nil), false) }

func (h *runState) seen(s *scopeInstance, recovering bool) map[string]any {
	inputs, vars := h.inputs, h.vars
	if s.recipe != nil {
		inputs, vars = s.recipe.inputs, s.recipe.vars
	}
	names := map[string]any{
		"inputs": inputs,
		"vars":   vars,
		"host":   h.host,
		"facts":  h.facts,
		"run": map[string]any{
			"id": h.Begin.Run, "recipe": h.Begin.Recipe, "dir": string(h.folder), "recovering": recovering,
		},
		"steps": s,
	}
	if s.looped {
		names["item"], names["index"] = s.item, s.index
	}
	return names
}

// with adds one name.
func with(names map[string]any, name string, v any) map[string]any {
	more := maps.Clone(names)
	more[name] = v
	return more
}
