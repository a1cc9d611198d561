package program

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Parallel is branches that run side by side; limit is nil where all of them may.
type Parallel struct {
	single
	Branches []*Node
	Limit    Dynamic
}

func (p *Parallel) Kind() string { return "parallel" }

func (p *Parallel) Perform(ctx context.Context, x Performer, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Compose(ctx, n, r, names, task)
}

func (p *Parallel) Contents(_, inner context.Context, x Performer, n *Node, r runstate.Rounds, _ int, task *tasklog.Task) (map[string]any, error) {
	return nil, x.Parallel(inner, n, r, task)
}

func (p *Parallel) PlanContents(ctx context.Context, f Planner, n *Node, row *PlannedStep) ([]PlannedStep, bool) {
	return f.Parallel(ctx, n, row), false
}

func (p *Parallel) Inner() (steps, seen []*Node) { return p.Branches, p.Branches }

func (p *Parallel) last() []*Node { return nil }
