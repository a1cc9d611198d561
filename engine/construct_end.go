package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// commitStep is the point of no return.
type commitStep struct {
	single
	text dynamic
}

func (c *commitStep) perform(ctx context.Context, x performer, n *node, _ runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Commit(ctx, n, names, task)
}

func (c *commitStep) plan(_ context.Context, f planner, _ *node, row *PlannedStep) {
	row.Commit, row.Do = true, []string{"commit: " + f.Text(c.text)}
}

// stopStep ends the run well, or the recipe that is used.
type stopStep struct {
	single
	text dynamic
}

func (s *stopStep) perform(_ context.Context, x performer, n *node, r runstate.Rounds, names map[string]any, _ *tasklog.Task) error {
	return x.Stop(n, r, names)
}

func (s *stopStep) plan(_ context.Context, f planner, _ *node, row *PlannedStep) {
	row.Do = []string{"stop: " + f.Text(s.text)}
}
