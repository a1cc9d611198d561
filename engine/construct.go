package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// construct is what a node does. There is one type for each construct of the language; the compiler chooses it by the step's action.
type construct interface {
	// kind is what the log calls the node's task.
	kind() string
	// perform carries the node out once.
	perform(ctx context.Context, x *runner, n *node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error
	// plan says in the node's row what it would do.
	plan(ctx context.Context, f *forecast, n *node, row *PlannedStep)
	// outputs is the object type of what the node leaves in steps.<id>.
	outputs() value.Type
}

// composition is a construct that is made of other steps.
type composition interface {
	construct
	// contents is one attempt, which began behind the frame before: its steps run within the time of inner, and a rescue within that of ctx.
	contents(ctx, inner context.Context, x *runner, n *node, r runstate.Rounds, before int, task *tasklog.Task) (map[string]any, error)
	// planContents plans its steps; over is true where the run ends in them.
	planContents(ctx context.Context, f *forecast, n *node, row *PlannedStep) (rows []PlannedStep, over bool)
	// inner are the steps that it carries out where all goes well; seen are those whose ids can be read behind it.
	inner() (steps, seen []*node)
	// last is what runs at the node's end, good or bad.
	last() []*node
}

// as gives the node's construct if it is of that type, else nil.
func as[T construct](n *node) T {
	found, _ := n.construct.(T)
	return found
}

// single is what most constructs have in common: they are one step, and leave nothing.
type single struct{}

func (single) kind() string        { return "step" }
func (single) outputs() value.Type { return value.Type{Kind: value.KindObject} }

func (single) plan(context.Context, *forecast, *node, *PlannedStep) {}

// unknown is a step whose action the compiler has refused: nothing runs it.
type unknown struct{ single }

func (unknown) perform(context.Context, *runner, *node, runstate.Rounds, map[string]any, *tasklog.Task) error {
	return nil
}
