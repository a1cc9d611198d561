package run

import (
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// A manual rollback deletes nothing that the run did not make. A step type moves such entries to a directory
// beside their own where that one may not stay, and tells of it by Run.Kept. The journal names these
// directories in the record that closes the frame, and they stay until `gwe forget`.

// noteKept is told of such a directory. An undo that runs again tells of the same one again.
func (f *Frame) noteKept(path string) {
	if !slices.Contains(f.Kept, path) {
		f.Kept = append(f.Kept, path)
	}
}

// keptLater lists these directories of all frames, as far as they are there.
func (h *State) keptLater() []string {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	var paths []string
	for _, f := range h.Frames {
		paths = append(paths, f.Kept...)
	}
	return runstate.Present(paths)
}
