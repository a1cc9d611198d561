package engine

import (
	"io/fs"
	"os"
	"slices"
)

// writable are the files and directories that the run works on: what its locks cover, and what its steps have changed so far.
func (x *runner) writable() []string {
	x.writing.Lock()
	defer x.writing.Unlock()
	paths := slices.Clone(lockedPaths(x.state.begin.Locks))
	for _, f := range x.state.frames {
		if f.part == "" {
			for _, path := range effectPaths(f.node.stepType(), f.arguments) {
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
