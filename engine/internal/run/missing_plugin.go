package run

import (
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/plugin"
)

// MissingPlugin tells that the undo of a frame cannot be asked for now: it is a plugin's, or a step of it is,
// and that is gone or is another one. An undo that was tried is over, so it is not tried then.
func (x *Runner) MissingPlugin(f *Frame, class fault.Class) error {
	for _, n := range slices.Concat([]*program.Node{f.Node}, f.Node.Undo, f.Node.UndoLast) {
		if used, ok := n.StepType().(*plugin.Type); ok {
			if absent := used.Ready(); absent != nil {
				return program.PluginGone(x.Directory.ID(), used, class, absent)
			}
		}
	}
	return nil
}
