package program

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Leaf is a step of a step type.
type Leaf struct {
	single
	stepType  step.Type
	arguments []NamedValue
}

// Leaf is the node's construct if it is a step of a step type, else nil. Every frame that is not part of a
// group has one.
func (n *Node) Leaf() *Leaf { return As[*Leaf](n) }

// StepType is the step type of a leaf, else nil.
func (n *Node) StepType() step.Type {
	if made := n.Leaf(); made != nil {
		return made.stepType
	}
	return nil
}

// Arguments are those of a leaf, else none.
func (n *Node) Arguments() []NamedValue {
	if made := n.Leaf(); made != nil {
		return made.arguments
	}
	return nil
}

func (l *Leaf) Perform(ctx context.Context, x Performer, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	if n.Changes() {
		return x.Change(ctx, n, r, names, task)
	}
	return x.Read(ctx, n, r, names, task)
}

func (l *Leaf) Plan(ctx context.Context, f Planner, n *Node, row *PlannedStep) { f.Leaf(ctx, n, row) }

func (l *Leaf) outputs() value.Type { return l.stepType.Outputs() }
