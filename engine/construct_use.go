package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// used is another recipe, compiled where it is used: its steps have their own names.
type used struct {
	single
	recipe    *schema.Recipe
	area      *staticScope
	with      []namedValue
	variables []namedValue
	timeout   dynamic
	steps     []*node
	finally   []*node
	results   []namedValue
}

func (u *used) kind() string { return "use" }

func (u *used) perform(ctx context.Context, x performer, n *node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Compose(ctx, n, r, names, task)
}

func (u *used) contents(_, inner context.Context, x performer, n *node, r runstate.Rounds, _ int, task *tasklog.Task) (map[string]any, error) {
	return x.Use(inner, n, r, task)
}

func (u *used) planContents(ctx context.Context, f planner, n *node, row *PlannedStep) ([]PlannedStep, bool) {
	return f.Use(ctx, n, row), false
}

func (u *used) inner() (steps, seen []*node) { return u.steps, nil }

func (u *used) last() []*node { return u.finally }

func (u *used) outputs() value.Type { return objectOf(u.results) }
