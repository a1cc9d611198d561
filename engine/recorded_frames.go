package engine

import (
	"fmt"
	"slices"
)

// frame finds a frame by its number; nil for 0.
func (h *recorded) frame(number int) *recordedFrame {
	h.guard.Lock()
	defer h.guard.Unlock()
	return h.byNumber[number]
}

// ofFrame changes the frame of a record.
func (h *recorded) ofFrame(number int, change func(*recordedFrame)) error {
	h.guard.Lock()
	defer h.guard.Unlock()
	f := h.byNumber[number]
	if f == nil {
		return fmt.Errorf("there is no frame %d", number)
	}
	change(f)
	return nil
}

// numbered are the frames of these numbers; nil for one that there is not.
func (h *recorded) numbered(numbers []int) []*recordedFrame {
	found := make([]*recordedFrame, len(numbers))
	for i, number := range numbers {
		found[i] = h.frame(number)
	}
	return found
}

// lastFrame is the highest number of a frame.
func (h *recorded) lastFrame() int {
	last := 0
	for _, f := range h.frames {
		last = max(last, f.number)
	}
	return last
}

// beginUndo notes that undos of these frames begin: what they saved need not be as it was any more.
func (h *recorded) beginUndo(frames []*recordedFrame) {
	h.guard.Lock()
	defer h.guard.Unlock()
	for _, f := range frames {
		f.begun = true
	}
}

// notCleaned lists the frames that an earlier undo could not clean up, and that no recovery has cleaned since.
func (h *recorded) notCleaned() []int {
	if h.ended == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(h.ended.Leftovers), func(number int) bool {
		f := h.frame(number)
		return f == nil || !f.leftover
	})
}
