package proof

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// locks reads which paths the recipe's locks cover. Where one of them is known only at run time, none is
// judged.
func (c *checker) locks() {
	for _, lock := range c.recipe.Lock {
		if !strings.HasPrefix(lock.Text, "/") && !strings.Contains(lock.Text, "${{") {
			continue // a name, not a path
		}
		covered := c.path(lock.Text)
		if covered == "" {
			c.locked = nil
			return
		}
		c.locked = append(c.locked, covered)
	}
}

// lockUncovered: a recipe that locks paths locks all that it changes; else a second run on another state
// directory may work on the same place. A lock covers what lies below it.
func (c *checker) lockUncovered(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil || len(c.locked) == 0 {
		return
	}
	for _, effect := range effects(leaf) {
		for _, changed := range c.changed(leaf, effect) {
			if !changed.fixed() || c.isLocked(changed) {
				continue
			}
			at := leaf.Key.Span
			if node, given := leaf.Arguments.Get(effect.Argument); given {
				at = node.Where()
			}
			c.report(s, at, LockUncovered, fmt.Sprintf("%s changes %s, which no lock of the recipe covers", leaf.Key.Text, shown(changed)),
				"add the path, or a directory above it, to lock:")
			return
		}
	}
}

func (c *checker) isLocked(changed path) bool {
	for _, lock := range c.locked {
		if lock.covers(changed) {
			return true
		}
	}
	return false
}

// shown is a path as the author would write it.
func shown(p path) string {
	return strings.NewReplacer("${{", "${{ ", "}}", " }}").Replace(string(p))
}
