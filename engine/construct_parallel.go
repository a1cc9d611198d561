package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// parallel is branches that run side by side; limit is nil where all of them may.
type parallel struct {
	single
	branches []*node
	limit    dynamic
}

func (p *parallel) kind() string { return "parallel" }

func (p *parallel) perform(ctx context.Context, x performer, n *node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Compose(ctx, n, r, names, task)
}

func (p *parallel) contents(_, inner context.Context, x performer, n *node, r runstate.Rounds, _ int, task *tasklog.Task) (map[string]any, error) {
	return nil, x.Parallel(inner, n, r, task)
}

func (p *parallel) planContents(ctx context.Context, f planner, n *node, row *PlannedStep) ([]PlannedStep, bool) {
	return f.Parallel(ctx, n, row), false
}

func (p *parallel) inner() (steps, seen []*node) { return p.branches, p.branches }

func (p *parallel) last() []*node { return nil }
