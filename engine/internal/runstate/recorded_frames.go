package runstate

import (
	"fmt"
	"slices"
)

// frame finds a frame by its number; nil for 0.
func (h *Recorded) frame(number int) *Frame {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.ByNumber[number]
}

// ofFrame changes the frame of a record.
func (h *Recorded) ofFrame(number int, change func(*Frame)) error {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	f := h.ByNumber[number]
	if f == nil {
		return fmt.Errorf("there is no frame %d", number)
	}
	change(f)
	return nil
}

// numbered are the frames of these numbers; nil for one that there is not.
func (h *Recorded) numbered(numbers []int) []*Frame {
	found := make([]*Frame, len(numbers))
	for i, number := range numbers {
		found[i] = h.frame(number)
	}
	return found
}

// LastFrame is the highest number of a frame.
func (h *Recorded) LastFrame() int {
	last := 0
	for _, f := range h.frames {
		last = max(last, f.Number)
	}
	return last
}

// beginUndo notes that undos of these frames begin: what they saved need not be as it was any more.
func (h *Recorded) beginUndo(frames []*Frame) {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	for _, f := range frames {
		f.Begun = true
	}
}

// NotCleaned lists the frames that an earlier undo could not clean up, and that no recovery has cleaned
// since.
func (h *Recorded) NotCleaned() []int {
	if h.Ended == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(h.Ended.Leftovers), func(number int) bool {
		f := h.frame(number)
		return f == nil || !f.Leftover
	})
}
