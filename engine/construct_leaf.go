package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// leaf is a step of a step type.
type leaf struct {
	single
	stepType  step.Type
	arguments []namedValue
}

// leaf is the node's construct if it is a step of a step type, else nil. Every frame that is no part of a group has one.
func (n *node) leaf() *leaf { return as[*leaf](n) }

// stepType is the step type of a leaf, else nil.
func (n *node) stepType() step.Type {
	if made := n.leaf(); made != nil {
		return made.stepType
	}
	return nil
}

// arguments are those of a leaf, else none.
func (n *node) arguments() []namedValue {
	if made := n.leaf(); made != nil {
		return made.arguments
	}
	return nil
}

func (l *leaf) perform(ctx context.Context, x performer, n *node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	if n.changes() {
		return x.Change(ctx, n, r, names, task)
	}
	return x.Read(ctx, n, r, names, task)
}

func (l *leaf) plan(ctx context.Context, f planner, n *node, row *PlannedStep) { f.Leaf(ctx, n, row) }

func (l *leaf) outputs() value.Type { return l.stepType.Outputs() }
