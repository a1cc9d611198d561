package program

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Used is another recipe, compiled where it is used: its steps have their own names.
type Used struct {
	single
	Recipe    *schema.Recipe
	Scope     *StaticScope
	With      []NamedValue
	Variables []NamedValue
	Timeout   Dynamic
	Steps     []*Node
	Finally   []*Node
	Results   []NamedValue
}

func (u *Used) Kind() string { return "use" }

func (u *Used) Perform(ctx context.Context, x Performer, n *Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Compose(ctx, n, r, names, task)
}

func (u *Used) Contents(_, inner context.Context, x Performer, n *Node, r runstate.Rounds, _ int, task *tasklog.Task) (map[string]any, error) {
	return x.Use(inner, n, r, task)
}

func (u *Used) PlanContents(ctx context.Context, f Planner, n *Node, row *PlannedStep) ([]PlannedStep, bool) {
	return f.Use(ctx, n, row), false
}

func (u *Used) Inner() (steps, seen []*Node) { return u.Steps, nil }

func (u *Used) last() []*Node { return u.Finally }

func (u *Used) outputs() value.Type { return objectOf(u.Results) }
