package program

import (
	"slices"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// group compiles a group: its steps see those above and each other, and steps behind see them. Where there is
// a rescue, nobody knows after the group how far its steps came.
func (c *compiler) group(n *Node, action schema.Group, v visibleNames) visibleNames {
	g, at := &Group{}, spot{parent: n, static: n.Own, rescues: n.Rescues}
	n.Construct = g
	var behind visibleNames
	g.Steps, behind = c.sequence(action.Steps, v, at)
	behind.base = v.base
	if len(action.Rescue) > 0 {
		unsure := behind.doubtful().with("error", errorType())
		at.rescues = n
		var rescued visibleNames
		g.Rescue, rescued = c.sequence(action.Rescue, unsure, at)
		left := slices.Clone(rescued.above[len(unsure.above):])
		number := len(v.above)
		behind = behind.add(left...).doubt(number)
		at.rescues = n.Rescues
	}
	g.Finally = c.epilogue(action.Finally, behind.with("error", maybe(errorType())), at)
	return behind
}

// parallel compiles branches: each sees what is above the parallel, and steps after it see all of them.
func (c *compiler) parallel(n *Node, action schema.Parallel, v visibleNames) visibleNames {
	p := &Parallel{Limit: c.setting(action.Limit, intType, v.scope())}
	n.Construct = p
	var left []value.Field
	for i, s := range action.Branches {
		branch := &StaticScope{Parent: n.Own, Loops: n.Own.Loops}
		made, behind := c.step(s, v, spot{parent: n, static: branch, rescues: n.Rescues, branch: i}, c.recipe.Defaults.Timeout)
		branch.Owner = made
		branch.noteReads(behind.above[len(v.above):])
		c.program.Strands++
		made.Strand = c.program.Strands
		p.Branches = append(p.Branches, made)
		left = append(left, behind.above[len(v.above):]...)
	}
	return v.add(left...)
}
