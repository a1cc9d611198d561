package run

import (
	"slices"
	"testing"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// TestUndoOrder: newest first; of branches the one that is declared last; a group's own undo before those of
// its steps, its finally after them.
func TestUndoOrder(t *testing.T) {
	root := &program.StaticScope{}
	node := func(parent *program.Node, made program.Construct, branch int) *program.Node {
		n := &program.Node{Construct: made, Parent: parent, Branch: branch, In: root, Own: root}
		if parent != nil {
			n.Depth = parent.Depth + 1
		}
		return n
	}
	frame := func(number int, n *program.Node, part runstate.Part) *Frame {
		return &Frame{Frame: &runstate.Frame{Number: number, Part: part}, Node: n}
	}
	first, last := node(nil, &program.Leaf{}, 0), node(nil, &program.Leaf{}, 0)
	both := node(nil, &program.Parallel{}, 0)
	left, right := node(both, &program.Leaf{}, 0), node(both, &program.Leaf{}, 1)
	group := node(nil, &program.Group{}, 0)
	inner := node(group, &program.Leaf{}, 0)
	want := []*Frame{
		frame(9, last, ""),
		frame(5, group, runstate.PartUndo), frame(8, inner, ""), frame(7, inner, ""), frame(6, group, runstate.PartFinally),
		frame(2, right, ""), frame(4, left, ""), frame(3, left, ""),
		frame(1, first, ""),
	}
	got := slices.Clone(want)
	slices.SortFunc(got, func(a, b *Frame) int { return b.Number - a.Number })
	slices.SortStableFunc(got, order)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("place %d has frame %d, want %d", i, got[i].Number, want[i].Number)
		}
	}
}
