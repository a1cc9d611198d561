package engine

import (
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// removeOldRuns removes the oldest runs that nobody needs. It is best effort; what it cannot remove is tried
// again. One that keeps a run which stands from being rolled back is needed for that.
func (e *Engine) removeOldRuns(ids, spare []string, standing []*runstate.StoredRun) {
	old := ids[:max(0, len(ids)-runstate.KeptRuns)]
	for _, id := range spare {
		if _, is := slices.BinarySearch(old, id); is && !e.keepsFromRollback(id, standing) {
			_ = os.RemoveAll(string(runstate.DirectoryOf(e.State, id)))
		}
	}
	for _, id := range old {
		if _, err := runstate.Peek(e.State, id); err != nil && !runstate.DamagedRunOf(e.State, id, err).Blocks() {
			_ = os.RemoveAll(string(runstate.DirectoryOf(e.State, id)))
		}
	}
}
