package engine

import (
	"os"
	"slices"
)

// keptRuns is how many ended runs stay for gwe runs, show and log, besides those that are still needed.
const keptRuns = 20

// addSpare adds the run to those that nobody needs: it ended, left nothing, and nobody can ask for its undo.
func (p *storedRun) addSpare(spare []string) []string {
	if p.closedByOperator() {
		return append(spare, p.folder.id())
	}
	if p.ended == nil || p.canRollBack() || p.halfReleased() || len(p.notCleaned()) > 0 || len(p.later()) > 0 {
		return spare
	}
	return append(spare, p.folder.id())
}

// removeOldRuns removes the oldest runs that nobody needs. It is best effort; what it cannot remove is tried again.
// One that keeps a run which stands from being rolled back is needed for that.
func (e *Engine) removeOldRuns(ids, spare []string, standing []*storedRun) {
	old := ids[:max(0, len(ids)-keptRuns)]
	for _, id := range spare {
		if _, is := slices.BinarySearch(old, id); is && !e.keepsFromRollback(id, standing) {
			_ = os.RemoveAll(string(e.State.run(id)))
		}
	}
	for _, id := range old {
		if _, err := e.State.peek(id); err != nil && !e.State.wreckOf(id, err).blocks() {
			_ = os.RemoveAll(string(e.State.run(id)))
		}
	}
}
