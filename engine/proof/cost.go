package proof

import (
	"fmt"

	"github.com/gwe-project/gwe/schema"
)

// Costs says what a valid recipe gives up, as notes: a run of it cannot be rolled back by hand where a step
// before the commit says undo: none.
func Costs(recipe *schema.Recipe) schema.Diagnostics {
	c := &checker{recipe: recipe}
	for _, s := range recipe.Steps {
		if _, committed := s.Action.(schema.Commit); committed {
			break
		}
		c.costs(s)
	}
	return c.diagnostics.Sorted()
}

// costs follows the step and those inside, but not where the undo of a group stands for them.
func (c *checker) costs(s *schema.Step) {
	if len(s.Undo)+len(s.UndoLast) > 0 {
		return
	}
	switch action := s.Action.(type) {
	case schema.Group:
		for _, list := range [][]*schema.Step{action.Steps, action.Rescue} {
			for _, inner := range list {
				c.costs(inner)
			}
		}
	case schema.Parallel:
		for _, inner := range action.Branches {
			c.costs(inner)
		}
	case schema.Leaf:
		if s.UndoNone != nil && action.Type != nil && len(effects(action)) > 0 && action.Type.About().Undo == "" {
			c.add(schema.Note, s.UndoNone.Span, RollbackLost,
				fmt.Sprintf("with undo: none, a run that got past this %s cannot be rolled back by hand", action.Key.Text),
				"say how to undo it, or effects: none if it only looks; leave it if nothing can undo it")
		}
	}
}
