package engine

import (
	"cmp"
	"slices"
)

// order tells which of two frames is put back first: the newer one. Of two branches of a parallel it is the one that was
// declared later, whatever their steps did when. The undo that a group has itself comes before those of its steps, and
// its finally behind them.
func order(a, b *frame) int {
	byNumber := cmp.Compare(b.number, a.number)
	left, right := a.node, b.node
	for left.depth > right.depth {
		if left = left.parent; left == right {
			return outer(b, a)
		}
	}
	for right.depth > left.depth {
		if right = right.parent; right == left {
			return -outer(a, b)
		}
	}
	if left == right {
		if a.part != b.part && slices.Equal(a.rounds, b.rounds) {
			return cmp.Compare(rank(a.part), rank(b.part))
		}
		return byNumber
	}
	for left.parent != right.parent {
		left, right = left.parent, right.parent
	}
	around := left.parent
	if around == nil || as[*parallel](around) == nil || left.branch == right.branch || !sameRound(a, b, around) {
		return byNumber
	}
	return cmp.Compare(right.branch, left.branch)
}

// outer compares the frame inner with one of the group around it.
func outer(around, inner *frame) int {
	if !sameRound(around, inner, around.node) {
		return cmp.Compare(around.number, inner.number)
	}
	if around.part == partFinally {
		return -1
	}
	return 1
}

func sameRound(a, b *frame, n *node) bool {
	return slices.Equal(a.rounds.in(n.own.loops), b.rounds.in(n.own.loops))
}

// rank is the place of a part of a group: undo first, and finally last.
func rank(p part) int {
	return slices.Index([]part{partUndo, partLast, partFinally}, p)
}
