package proof

import (
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// undoMissing: what a step does before the commit must be undone, by its type, by the recipe, by the undo of
// a group around it, or by nobody in so many words.
func (c *checker) undoMissing(s *schema.Step, leaf schema.Leaf) {
	if c.committed || c.undone || len(effects(leaf)) == 0 || leaf.Type.About().Undo != "" || hasUndo(s) {
		return
	}
	hint := "add undo: with the steps that undo it, effects: none if it only looks, or undo: none if it cannot be undone"
	if what := refresh(leaf); what != "" {
		hint = "add undo-last: with the same command, which then runs when everything older was undone"
	}
	c.report(s, leaf.Key.Span, UndoMissing, fmt.Sprintf("nothing undoes what %s does here, and the run may still fail", leaf.Key.Text), hint)
}

// hasUndo reports whether the recipe itself says how the step is undone.
func hasUndo(s *schema.Step) bool {
	return len(s.Undo) > 0 || len(s.UndoLast) > 0 || s.UndoNone != nil
}

// removal is a step that removes paths for good: no undo of its own brings them back.
type removal struct {
	step  *schema.Step
	key   schema.Scalar
	paths []path
	// frames is how many frames could still be undone after it.
	frames int
	// failing is true where it happens during a rollback, before a failsafe may have its turn.
	failing bool
}

// need is what one step of an undo, or of the failsafe, reads or runs.
type need struct {
	frame int
	whose string
	line  int
}

// frame notes a step that would be undone: what its undo needs, and what that undo removes itself.
func (c *checker) frame(s *schema.Step) {
	for _, inner := range slices.Concat(s.Undo, s.UndoLast) {
		if undo, ok := inner.Action.(schema.Leaf); ok && undo.Type != nil {
			c.removes(inner, undo, true)
			c.needs(undo, need{frame: c.frames, whose: "the undo of " + called(s), line: undo.Key.Line})
		}
	}
	c.frames++
}

// removes notes what is gone for good after a step.
func (c *checker) removes(s *schema.Step, leaf schema.Leaf, failing bool) {
	found := removal{step: s, key: leaf.Key, frames: c.frames, failing: failing}
	for _, effect := range effects(leaf) {
		if effect.Kind == step.Removes {
			found.paths = append(found.paths, c.changed(leaf, effect)...)
		}
	}
	if len(found.paths) > 0 {
		c.removals = append(c.removals, found)
	}
}

// needs notes the paths that a step reads or runs, all of its path arguments but those that it makes itself,
// under their own names and those of all directories above them. The earliest frame is kept: if a removal
// spares that one, it spares the rest.
func (c *checker) needs(leaf schema.Leaf, by need) {
	for _, entry := range leaf.Arguments.Entries {
		field, ok := leaf.Type.Arguments().Field(entry.Key.Text)
		if !ok || !isPath(field.Type) || makes(leaf, field.Name) {
			continue
		}
		for _, needed := range c.paths(entry.Value) {
			for _, at := range needed.andAbove() {
				if _, there := c.needed[at]; !there {
					c.needed[at] = by
				}
			}
		}
	}
}

// destroyed: what an undo that the recipe wrote reads or runs must still be there when it is its turn. Behind
// the commit that is `gwe rollback`; the failsafe's turn comes when an undo has failed.
func (c *checker) destroyed() {
	for _, s := range c.recipe.Failsafe {
		if leaf, ok := s.Action.(schema.Leaf); ok && leaf.Type != nil {
			c.needs(leaf, need{frame: failsafe, whose: "the failsafe", line: leaf.Key.Line})
		}
	}
	for _, gone := range c.removals {
		for _, removed := range gone.paths {
			by, there := c.needed[removed]
			if !there || by.frame >= gone.frames && !(by.frame == failsafe && gone.failing) {
				continue
			}
			c.report(gone.step, gone.key.Span, UndoDestroyed,
				fmt.Sprintf("%s removes for good what %s needs on line %d", gone.key.Text, by.whose, by.line),
				"remove it in a later run, or keep what is needed there somewhere else")
			break
		}
	}
}

// failsafe stands after every frame.
const failsafe = int(^uint(0) >> 1)

func makes(leaf schema.Leaf, argument string) bool {
	for _, effect := range leaf.Type.About().Effects {
		if effect.Argument == argument && effect.Kind.OnPath() {
			return true
		}
	}
	return false
}

func isPath(t value.Type) bool {
	return t.Kind == value.KindPath || t.Kind == value.KindList && t.Elem != nil && t.Elem.Kind == value.KindPath
}

// called names a step for people: by its id, by its name, or by its type and line.
func called(s *schema.Step) string {
	switch {
	case s.ID != nil:
		return "step " + s.ID.Text
	case s.Name != nil:
		return fmt.Sprintf("step %q", s.Name.Text)
	}
	return fmt.Sprintf("the %s step on line %d", s.Action.Keyword().Text, s.Line)
}
