package program

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Construct is what a node does. There is one type for each construct of the language; the compiler chooses
// it by the step's action.
type Construct interface {
	// kind is what the log calls the node's task.
	Kind() string
	// perform carries the node out once.
	Perform(ctx context.Context, x Performer, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error
	// plan says in the node's row what it would do.
	Plan(ctx context.Context, f Planner, n *Node, row *PlannedStep)
	// outputs is the object type of what the node leaves in steps.<id>.
	outputs() value.Type
}

// Composition is a construct that is made of other steps.
type Composition interface {
	Construct
	// contents is one attempt, which began after the frame before: its steps run within the time of inner,
	// and a rescue within that of ctx.
	Contents(ctx, inner context.Context, x Performer, n *Node, r runstate.Rounds, before int, task *tasklog.Task) (map[string]any, error)
	// planContents plans its steps; over is true where the run ends in them.
	PlanContents(ctx context.Context, f Planner, n *Node, row *PlannedStep) (rows []PlannedStep, over bool)
	// inner are the steps that it carries out where all goes well; seen are those whose ids can be read
	// after it.
	Inner() (steps, seen []*Node)
	// last is what runs at the node's end, good or bad.
	last() []*Node
}

// Performer carries nodes out: it is what a construct asks of a run.
type Performer interface {
	// List carries out steps in their order.
	List(ctx context.Context, nodes []*Node, r runstate.Rounds, parent *tasklog.Task) error
	// Compose carries out a composition: its contents, what it owes at its end, and the outputs that become
	// visible around it.
	Compose(ctx context.Context, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error
	// Parallel carries out branches side by side.
	Parallel(ctx context.Context, n *Node, r runstate.Rounds, task *tasklog.Task) error
	// Use carries out the steps of a used recipe, and evaluates its outputs.
	Use(ctx context.Context, n *Node, r runstate.Rounds, task *tasklog.Task) (map[string]any, error)
	// Rescue undoes what a group did since the frame before, and carries out its rescue.
	Rescue(ctx context.Context, n *Node, r runstate.Rounds, before int, failure error, task *tasklog.Task) error
	// Change carries out a step that has an effect, and Read one that has none.
	Change(ctx context.Context, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error
	Read(ctx context.Context, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error
	// Commit makes what was done final.
	Commit(ctx context.Context, n *Node, names map[string]any, task *tasklog.Task) error
	// Stop ends the recipe well.
	Stop(n *Node, r runstate.Rounds, names map[string]any) error
	// Suspend ends this process's part of the run: it continues after a reboot or a confirmation.
	Suspend(ctx context.Context, n *Node, names map[string]any, task *tasklog.Task) error
	// HandOver hands the run over to another gwe.
	HandOver(ctx context.Context, n *Node, names map[string]any, task *tasklog.Task) error
}

// Planner says what nodes would do: it is what a construct asks of a plan.
type Planner interface {
	// Text is the value of a text as far as the plan knows it.
	Text(d Dynamic) string
	// Leaf plans a step of a step type.
	Leaf(ctx context.Context, n *Node, row *PlannedStep)
	// Group, Parallel and Use plan the steps of a composition; over reports whether the run ends in them.
	Group(ctx context.Context, n *Node) (rows []PlannedStep, over bool)
	Parallel(ctx context.Context, n *Node, row *PlannedStep) []PlannedStep
	Use(ctx context.Context, n *Node, row *PlannedStep) []PlannedStep
	// Waits says what a step waits for.
	Waits(w *Waiting) []string
}

// As gives the node's construct if it is of that type, else nil.
func As[T Construct](n *Node) T {
	found, _ := n.Construct.(T)
	return found
}

// single is what most constructs have in common: they are one step, and leave nothing.
type single struct{}

func (single) Kind() string { return "step" }

func (single) outputs() value.Type { return value.Type{Kind: value.KindObject} }

func (single) Plan(context.Context, Planner, *Node, *PlannedStep) {}

// unknown is a step whose action the compiler has refused: nothing runs it.
type unknown struct{ single }

func (unknown) Perform(context.Context, Performer, *Node, runstate.Rounds, map[string]any, *tasklog.Task) error {
	return nil
}
