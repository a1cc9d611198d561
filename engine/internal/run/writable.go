package run

import (
	"io/fs"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// writable are the files and directories that the run works on: what its locks cover, and what its steps have
// changed so far.
func (x *Runner) writable() []string {
	x.writing.Lock()
	defer x.writing.Unlock()
	paths := slices.Clone(runstate.LockedPaths(x.State.Begin.Locks))
	for _, f := range x.State.Frames {
		if f.Part == "" {
			for _, path := range program.EffectPaths(f.Node.StepType(), f.Arguments) {
				// A link was changed, not what it leads to.
				if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink == 0 {
					paths = append(paths, path)
				}
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
