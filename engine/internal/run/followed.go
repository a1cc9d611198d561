package run

import (
	"path/filepath"

	"github.com/gwe-project/gwe/engine/internal/program"
)

// followed are the frames after which a program of the run started, if no later step that stands changed the
// same path: what is there now instead of what the step put there may be that program's work.
func (h *State) followed() map[int]bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	found, later := map[int]bool{}, paths{}
	for i := len(h.Frames) - 1; i >= 0; i-- {
		f := h.Frames[i]
		if f.Undone || f.Part != "" {
			continue
		}
		own := program.EffectPaths(f.Node.StepType(), f.Arguments)
		if f.Number < h.lastProgram && !later.overlap(own) {
			found[f.Number] = true
		}
		later.add(own)
	}
	return found
}

// isFollowed reports the same of one frame.
func (h *State) isFollowed(f *Frame) bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	if f.Number >= h.lastProgram {
		return false
	}
	later := paths{}
	for i := len(h.Frames) - 1; i >= 0 && h.Frames[i] != f; i-- {
		if other := h.Frames[i]; !other.Undone && other.Part == "" && other.Number > f.Number {
			later.add(program.EffectPaths(other.Node.StepType(), other.Arguments))
		}
	}
	return !later.overlap(program.EffectPaths(f.Node.StepType(), f.Arguments))
}

// paths is a set of paths: true is one of them, false is a directory above one.
type paths map[string]bool

func (p paths) add(some []string) {
	for _, path := range some {
		path = filepath.Clean(path)
		p[path] = true
		for above := filepath.Dir(path); ; above = filepath.Dir(above) {
			if _, known := p[above]; !known {
				p[above] = false
			}
			if above == filepath.Dir(above) {
				break
			}
		}
	}
}

// overlap reports whether one of the paths is in the set, lies in one of it, or has one of it below.
func (p paths) overlap(some []string) bool {
	for _, path := range some {
		path = filepath.Clean(path)
		if _, known := p[path]; known {
			return true
		}
		for above := filepath.Dir(path); ; above = filepath.Dir(above) {
			if p[above] {
				return true
			}
			if above == filepath.Dir(above) {
				break
			}
		}
	}
	return false
}
