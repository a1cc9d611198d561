package proof

import "github.com/gwe-project/gwe/schema"

// every calls visit for each step of the recipe, wherever it stands.
func every(recipe *schema.Recipe, visit func(*schema.Step)) {
	for _, steps := range [][]*schema.Step{recipe.Steps, recipe.Failsafe, recipe.Finally} {
		for _, s := range steps {
			below(s, true, visit)
		}
	}
}

// leaves calls visit for the step, or for each one inside it that acts on the way forward.
func leaves(s *schema.Step, visit func(*schema.Step, schema.Leaf)) {
	below(s, false, func(inner *schema.Step) {
		if leaf, ok := inner.Action.(schema.Leaf); ok && leaf.Type != nil {
			visit(inner, leaf)
		}
	})
}

// below calls visit for the step and for all inside it, with those of undo or without.
func below(s *schema.Step, undo bool, visit func(*schema.Step)) {
	visit(s)
	lists := [][]*schema.Step{}
	switch action := s.Action.(type) {
	case schema.Group:
		lists = append(lists, action.Steps, action.Rescue, action.Finally)
	case schema.Parallel:
		lists = append(lists, action.Branches)
	}
	if undo {
		lists = append(lists, s.Undo, s.UndoLast)
	}
	for _, list := range lists {
		for _, inner := range list {
			below(inner, undo, visit)
		}
	}
}
