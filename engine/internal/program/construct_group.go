package program

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Group is the steps of a rollback context.
type Group struct {
	single
	Steps, Rescue, Finally []*Node
}

func (g *Group) Kind() string { return "group" }

func (g *Group) Perform(ctx context.Context, x Performer, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Compose(ctx, n, r, names, task)
}

func (g *Group) Contents(ctx, inner context.Context, x Performer, n *Node, r runstate.Rounds, before int, task *tasklog.Task) (map[string]any, error) {
	err := x.List(inner, g.Steps, r, task)
	if err != nil {
		err = x.Rescue(ctx, n, r, before, Explain(inner, err), task)
	}
	return nil, err
}

func (g *Group) PlanContents(ctx context.Context, f Planner, n *Node, _ *PlannedStep) ([]PlannedStep, bool) {
	return f.Group(ctx, n)
}

func (g *Group) Inner() (steps, seen []*Node) {
	return g.Steps, append(slices.Clone(g.Steps), g.Rescue...)
}

func (g *Group) last() []*Node { return g.Finally }
