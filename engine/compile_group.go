package engine

import (
	"slices"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// group compiles a group: its steps see those above and each other, and steps behind see them. Where there is a rescue,
// nobody knows behind the group how far its steps came.
func (c *compiler) group(n *node, action schema.Group, v visibleNames) visibleNames {
	g, at := &group{}, spot{parent: n, area: n.own, rescues: n.rescues}
	n.construct = g
	var behind visibleNames
	g.steps, behind = c.sequence(action.Steps, v, at)
	behind.base = v.base
	if len(action.Rescue) > 0 {
		unsure := behind.doubtful().with("error", errorType())
		at.rescues = n
		var rescued visibleNames
		g.rescue, rescued = c.sequence(action.Rescue, unsure, at)
		left := slices.Clone(rescued.above[len(unsure.above):])
		number := len(v.above)
		behind = behind.add(left...).doubt(number)
		at.rescues = n.rescues
	}
	g.finally = c.epilogue(action.Finally, behind.with("error", maybe(errorType())), at)
	return behind
}

// parallel compiles branches: each sees what is above the parallel, and steps behind it see all of them.
func (c *compiler) parallel(n *node, action schema.Parallel, v visibleNames) visibleNames {
	p := &parallel{limit: c.setting(action.Limit, intType, v.scope())}
	n.construct = p
	var left []value.Field
	for i, s := range action.Branches {
		branch := &staticScope{parent: n.own, loops: n.own.loops}
		made, behind := c.step(s, v, spot{parent: n, area: branch, rescues: n.rescues, branch: i}, c.recipe.Defaults.Timeout)
		branch.owner = made
		branch.noteReads(behind.above[len(v.above):])
		c.program.strands++
		made.strand = c.program.strands
		p.branches = append(p.branches, made)
		left = append(left, behind.above[len(v.above):]...)
	}
	return v.add(left...)
}
