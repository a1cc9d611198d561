package program

import (
	"path/filepath"

	"github.com/gwe-project/gwe/engine/step"
)

// EffectPaths are the paths of the declared effects. One that is not absolute is on another machine.
func EffectPaths(stepType step.Type, arguments map[string]any) (paths []string) {
	for _, effect := range stepType.About().Effects {
		if path, ok := arguments[effect.Argument].(string); ok && effect.Kind.OnPath() && filepath.IsAbs(path) {
			paths = append(paths, path)
		}
	}
	return paths
}
