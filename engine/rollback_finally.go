package engine

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// changedByFinally lists what the finally of the run and of its groups has changed, though it makes no
// frames: a file that the run needed for itself, and that is gone by now. programs reports whether a program
// ran there, which may have changed anything.
func changedByFinally(x *run.Runner) (changed []string, programs bool) {
	add := func(nodes []*program.Node, r runstate.Rounds) {
		for _, n := range nodes {
			found, compiled := finallyChanges(x, n, r)
			changed, programs = append(changed, found...), programs || compiled
		}
	}
	add(x.Program.Finally, nil)
	for _, f := range x.State.Frames {
		if f.Part == runstate.PartFinally {
			add(f.Node.Finally(), f.Rounds)
		}
	}
	return changed, programs
}

func finallyChanges(x *run.Runner, n *program.Node, r runstate.Rounds) (changed []string, compiled bool) {
	if n.Leaf() == nil {
		return nil, false
	}
	names := program.With(x.State.Names(n, r, true), "error", map[string]any{})
	if n.When != nil {
		if answer, err := n.When.Evaluate(names); err == nil && answer == false {
			return nil, false
		}
	}
	arguments, _, err := x.Arguments(n, names)
	if err != nil {
		return nil, false
	}
	for _, effect := range n.StepType().About().Effects {
		path, ok := arguments[effect.Argument].(string)
		if !ok || !effect.Kind.OnPath() || !filepath.IsAbs(path) {
			continue
		}
		// What is there all the same was put there since.
		if _, err := x.Config.Machine.Lstat(path); effect.Kind == step.Removes && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		changed = append(changed, path)
	}
	return slices.Compact(changed), n.Opaque()
}
