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

func (c *commitStep) perform(ctx context.Context, x *runner, n *node, _ runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.commit(ctx, n, names, task)
}

func (c *commitStep) plan(_ context.Context, f *forecast, _ *node, row *PlannedStep) {
	row.Commit, row.Do = true, []string{"commit: " + f.text(c.text)}
}

// stopStep ends the run well, or the recipe that is used.
type stopStep struct {
	single
	text dynamic
}

func (s *stopStep) perform(_ context.Context, x *runner, n *node, r runstate.Rounds, names map[string]any, _ *tasklog.Task) error {
	return x.stop(n, r, names)
}

func (s *stopStep) plan(_ context.Context, f *forecast, _ *node, row *PlannedStep) {
	row.Do = []string{"stop: " + f.text(s.text)}
}
