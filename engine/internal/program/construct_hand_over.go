package program

import (
	"context"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// HandOver is a hand-over, compiled; within is nil where the usual time holds.
type HandOver struct {
	single
	Program, Within Dynamic
}

func (h *HandOver) Perform(ctx context.Context, x Performer, n *Node, _ runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.HandOver(ctx, n, names, task)
}

func (h *HandOver) Plan(_ context.Context, f Planner, _ *Node, row *PlannedStep) {
	row.Do = []string{"hands the run over to " + f.Text(h.Program) + ", which continues with the steps below"}
}

func (c *compiler) handOver(n *Node, action schema.HandOver, scope expression.Scope) {
	c.startedHere(action.Key)
	if action.Program == nil {
		return
	}
	n.Construct = &HandOver{Program: c.value(*action.Program, value.Of(value.KindPath), scope), Within: c.setting(action.Within, durationType, scope)}
}
