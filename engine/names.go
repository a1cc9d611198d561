package engine

import (
	"maps"
)

// names are the values that expressions read at this point of the run.
func (h *history) names(recovering bool) map[string]any {
	steps := map[string]any{}
	for path, outputs := range h.outputs {
		if id := h.program.byPath[path].id(); id != "" {
			steps[id] = outputs
		}
	}
	return map[string]any{
		"inputs": h.inputs,
		"vars":   h.vars,
		"host":   h.host,
		"facts":  h.facts,
		"run": map[string]any{
			"id": h.begin.Run, "recipe": h.begin.Recipe, "dir": string(h.folder), "recovering": recovering,
		},
		"steps": steps,
	}
}

// with adds one name.
func with(names map[string]any, name string, v any) map[string]any {
	more := maps.Clone(names)
	more[name] = v
	return more
}
