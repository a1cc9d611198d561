package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// warnOfStrangers says at the start of a run which hidden names on its targets are of runs that this state
// directory does not know: of another one, or of one that was deleted.
func (e *Engine) warnOfStrangers(x *run.Runner) {
	for _, target := range runstate.LockedPaths(x.State.Begin.Locks) {
		var runs []string
		for _, path := range runstate.HiddenNames(target) {
			run := runstate.RunInName.FindString(filepath.Base(path))
			if _, err := os.Lstat(string(runstate.DirectoryOf(e.State, run))); os.IsNotExist(err) && !slices.Contains(runs, run) {
				runs = append(runs, run)
			}
		}
		if len(runs) > 0 {
			x.Task.Warn(target + " has hidden names (.gwe-*) of run " + strings.Join(runs, ", ") + ", which " + e.State.Directory +
				" does not know: another state directory does, or it was deleted; `gwe status --target " + target + "` shows them")
		}
	}
}
