package run

import (
	"cmp"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// order tells which of two frames is rolled back first: the newer one. Of two branches of a parallel it is
// the one that was declared later, whatever their steps did when. The undo that a group has itself comes
// before those of its steps, and its finally after them.
func order(a, b *Frame) int {
	byNumber := cmp.Compare(b.Number, a.Number)
	left, right := a.Node, b.Node
	for left.Depth > right.Depth {
		if left = left.Parent; left == right {
			return outer(b, a)
		}
	}
	for right.Depth > left.Depth {
		if right = right.Parent; right == left {
			return -outer(a, b)
		}
	}
	if left == right {
		if a.Part != b.Part && slices.Equal(a.Rounds, b.Rounds) {
			return cmp.Compare(rank(a.Part), rank(b.Part))
		}
		return byNumber
	}
	for left.Parent != right.Parent {
		left, right = left.Parent, right.Parent
	}
	around := left.Parent
	if around == nil || program.As[*program.Parallel](around) == nil || left.Branch == right.Branch || !sameRound(a, b, around) {
		return byNumber
	}
	return cmp.Compare(right.Branch, left.Branch)
}

// outer compares the frame inner with one of the group around it.
func outer(around, inner *Frame) int {
	if !sameRound(around, inner, around.Node) {
		return cmp.Compare(around.Number, inner.Number)
	}
	if around.Part == runstate.PartFinally {
		return -1
	}
	return 1
}

func sameRound(a, b *Frame, n *program.Node) bool {
	return slices.Equal(a.Rounds.In(n.Own.Loops), b.Rounds.In(n.Own.Loops))
}

// rank is the place of a part of a group: undo first, and finally last.
func rank(p runstate.Part) int {
	return slices.Index([]runstate.Part{runstate.PartUndo, runstate.PartLast, runstate.PartFinally}, p)
}
