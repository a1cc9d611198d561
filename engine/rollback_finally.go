package engine

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// changedByFinally lists what the finally of the run and of its groups has changed, though it makes no frames: a file that the run needed
// for itself, and that is gone by now. programs reports whether a program ran there, which may have changed anything.
func (x *runner) changedByFinally() (changed []string, programs bool) {
	add := func(nodes []*node, r runstate.Rounds) {
		for _, n := range nodes {
			found, program := x.finallyChanges(n, r)
			changed, programs = append(changed, found...), programs || program
		}
	}
	add(x.program.finally, nil)
	for _, f := range x.state.frames {
		if f.Part == runstate.PartFinally {
			add(f.node.finally(), f.Rounds)
		}
	}
	return changed, programs
}

func (x *runner) finallyChanges(n *node, r runstate.Rounds) (changed []string, program bool) {
	if n.leaf() == nil {
		return nil, false
	}
	names := with(x.state.names(n, r, true), "error", map[string]any{})
	if n.when != nil {
		if answer, err := n.when.Evaluate(names); err == nil && answer == false {
			return nil, false
		}
	}
	arguments, _, err := x.arguments(n, names)
	if err != nil {
		return nil, false
	}
	for _, effect := range n.stepType().About().Effects {
		path, ok := arguments[effect.Argument].(string)
		if !ok || !effect.Kind.OnPath() || !filepath.IsAbs(path) {
			continue
		}
		// What is there all the same was put there since.
		if _, err := x.engine.Machine.Lstat(path); effect.Kind == step.Removes && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		changed = append(changed, path)
	}
	return slices.Compact(changed), n.opaque()
}
