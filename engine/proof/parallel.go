package proof

import (
	"fmt"

	"github.com/gwe-project/gwe/schema"
)

// change is a path that a branch changes, and where.
type change struct {
	path   path
	branch int
	step   *schema.Step
	leaf   schema.Leaf
}

// parallelConflict: no two branches may change one path, or one of them what the other's path lies in: who is
// last decides what is there, and what the other's undo would roll back is not what was there before.
func (c *checker) parallelConflict(parallel schema.Parallel) {
	var all []change
	for number, branch := range parallel.Branches {
		leaves(branch, func(s *schema.Step, leaf schema.Leaf) {
			for _, effect := range effects(leaf) {
				for _, changed := range c.changed(leaf, effect) {
					if changed != "" && !changed.ofRound() {
						all = append(all, change{changed, number, s, leaf})
					}
				}
			}
		})
	}
	first, other := map[path]change{}, map[path]change{} // other is of another branch than the first
	for _, one := range all {
		if known, there := first[one.path]; !there {
			first[one.path] = one
		} else if known.branch != one.branch {
			other[one.path] = one
		}
	}
	for _, one := range all {
		for _, at := range one.path.andAbove() {
			met, there := first[at]
			if there && met.branch == one.branch {
				met, there = other[at]
			}
			if !there || met.branch == one.branch || at == one.path && met.branch > one.branch {
				continue
			}
			c.report(one.step, one.leaf.Key.Span, ParallelConflict,
				fmt.Sprintf("%s changes %s at the same time as %s on line %d changes %s", one.leaf.Key.Text, shown(one.path),
					met.leaf.Key.Text, met.leaf.Key.Line, shown(met.path)),
				"put both into one branch, one after the other")
			break
		}
	}
}
