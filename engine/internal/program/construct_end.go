package program

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// CommitStep is the point of no return.
type CommitStep struct {
	single
	Text Dynamic
}

func (c *CommitStep) Perform(ctx context.Context, x Performer, n *Node, _ runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Commit(ctx, n, names, task)
}

func (c *CommitStep) Plan(_ context.Context, f Planner, _ *Node, row *PlannedStep) {
	row.Commit, row.Do = true, []string{"commit: " + f.Text(c.Text)}
}

// StopStep ends the run well, or the recipe that is used.
type StopStep struct {
	single
	Text Dynamic
}

func (s *StopStep) Perform(_ context.Context, x Performer, n *Node, r runstate.Rounds, names map[string]any, _ *tasklog.Task) error {
	return x.Stop(n, r, names)
}

func (s *StopStep) Plan(_ context.Context, f Planner, _ *Node, row *PlannedStep) {
	row.Do = []string{"stop: " + f.Text(s.Text)}
}
