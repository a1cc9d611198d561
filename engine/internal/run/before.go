package run

import (
	"path/filepath"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// before looks at the paths that a step is about to change. Only the first look at a path in a run counts.
func (x *Runner) before(stepType step.Type, arguments map[string]any) []runstate.BeforeRecord {
	var seen []runstate.BeforeRecord
	for _, effect := range stepType.About().Effects {
		path, ok := arguments[effect.Argument].(string)
		if !ok || !filepath.IsAbs(path) || effect.Kind == step.Runs || !x.firstLook(path) {
			continue
		}
		if one, err := runstate.LookAt(path); err == nil {
			seen = append(seen, one)
		}
	}
	return seen
}

// firstLook reports whether no step of this process has looked at the path yet.
func (x *Runner) firstLook(path string) bool {
	x.writing.Lock()
	defer x.writing.Unlock()
	if x.looked[path] {
		return false
	}
	if x.looked == nil {
		x.looked = map[string]bool{}
	}
	x.looked[path] = true
	return true
}
