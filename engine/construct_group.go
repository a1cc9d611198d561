package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// group is the steps of a rollback context.
type group struct {
	single
	steps, rescue, finally []*node
}

func (g *group) kind() string { return "group" }

func (g *group) perform(ctx context.Context, x performer, n *node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Compose(ctx, n, r, names, task)
}

func (g *group) contents(ctx, inner context.Context, x performer, n *node, r runstate.Rounds, before int, task *tasklog.Task) (map[string]any, error) {
	err := x.List(inner, g.steps, r, task)
	if err != nil {
		err = x.Rescue(ctx, n, r, before, explain(inner, err), task)
	}
	return nil, err
}

func (g *group) planContents(ctx context.Context, f planner, n *node, _ *PlannedStep) ([]PlannedStep, bool) {
	return f.Group(ctx, n)
}

func (g *group) inner() (steps, seen []*node) {
	return g.steps, append(slices.Clone(g.steps), g.rescue...)
}

func (g *group) last() []*node { return g.finally }
