package engine

import (
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// frame finds a frame by its number; nil for 0.
func (h *runState) frame(number int) *frame {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.byNumber[number]
}

// anyFrame reports whether a frame is so.
func (h *runState) anyFrame(is func(*frame) bool) bool { return slices.ContainsFunc(h.frames, is) }

// open lists the frames that a failure now would put back, in the order in which that is done.
func (h *runState) open() []*frame { return h.openSince(0, nil, nil) }

// openSince lists those that were made behind the frame of that number, and lie within the node's step in these rounds; of
// a nil node, all of them.
func (h *runState) openSince(number int, n *program.Node, r runstate.Rounds) []*frame {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	var open []*frame
	for i := len(h.frames) - 1; i >= max(h.Committed, 0); i-- {
		f := h.frames[i]
		if f.Number > number && !f.Undone && !f.GivenUp && f.in(n, r) {
			open = append(open, f)
		}
	}
	slices.SortStableFunc(open, func(a, b *frame) int { return order(a, b) })
	return open
}

// in reports whether the frame lies within the node's step in these rounds; within a nil node all do.
func (f *frame) in(n *program.Node, r runstate.Rounds) bool {
	return n == nil || f.node.Within(n) && slices.Equal(f.Rounds.In(n.Own.Loops), r)
}

// brokenSince reports whether one of the frames behind that number, within the node's step in these rounds, could not be put back.
func (h *runState) brokenSince(number int, n *program.Node, r runstate.Rounds) bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.anyFrame(func(f *frame) bool { return f.Number > number && f.Broken && f.in(n, r) })
}

// held lists the frames whose undo may still be asked for by hand: those before the commit of a run that stands.
func (h *runState) held() []*frame {
	if h.Released || h.Committed < 0 {
		return nil
	}
	var held []*frame
	for _, f := range h.frames[:h.Committed] {
		if !f.Undone {
			held = append(held, f)
		}
	}
	return held
}

// complete reports whether the forward path came to its end.
func (h *runState) complete() bool {
	if h.Stopped != nil {
		return true
	}
	for _, n := range h.program.Steps {
		if !h.settled[n.Path()] {
			return false
		}
	}
	return true
}
