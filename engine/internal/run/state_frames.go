package run

import (
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Frame finds a frame by its number; nil for 0.
func (h *State) Frame(number int) *Frame {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.byNumber[number]
}

// anyFrame reports whether a frame is so.
func (h *State) anyFrame(is func(*Frame) bool) bool { return slices.ContainsFunc(h.Frames, is) }

// Open lists the frames that a failure now would roll back, in the order in which that is done.
func (h *State) Open() []*Frame { return h.openSince(0, nil, nil) }

// openSince lists those that were made after the frame of that number, and lie within the node's step in
// these rounds; of a nil node, all of them.
func (h *State) openSince(number int, n *program.Node, r runstate.Rounds) []*Frame {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	var open []*Frame
	for i := len(h.Frames) - 1; i >= max(h.Committed, 0); i-- {
		f := h.Frames[i]
		if f.Number > number && !f.Undone && !f.GivenUp && f.in(n, r) {
			open = append(open, f)
		}
	}
	slices.SortStableFunc(open, func(a, b *Frame) int { return order(a, b) })
	return open
}

// in reports whether the frame lies within the node's step in these rounds; within a nil node all do.
func (f *Frame) in(n *program.Node, r runstate.Rounds) bool {
	return n == nil || f.Node.Within(n) && slices.Equal(f.Rounds.In(n.Own.Loops), r)
}

// brokenSince reports whether one of the frames after that number, within the node's step in these rounds,
// could not be rolled back.
func (h *State) brokenSince(number int, n *program.Node, r runstate.Rounds) bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.anyFrame(func(f *Frame) bool { return f.Number > number && f.Broken && f.in(n, r) })
}

// Held lists the frames whose undo may still be asked for by hand: those before the commit of a run that
// stands.
func (h *State) Held() []*Frame {
	if h.Released || h.Committed < 0 {
		return nil
	}
	var held []*Frame
	for _, f := range h.Frames[:h.Committed] {
		if !f.Undone {
			held = append(held, f)
		}
	}
	return held
}

// Complete reports whether the forward path came to its end.
func (h *State) Complete() bool {
	if h.Stopped != nil {
		return true
	}
	for _, n := range h.Program.Steps {
		if !h.Settled[n.Path()] {
			return false
		}
	}
	return true
}
