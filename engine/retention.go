package engine

import "os"

// keptRuns is how many ended runs stay for gwe runs, show and log, besides those that are still needed.
const keptRuns = 20

// retire removes the oldest runs that nobody needs: those that ended, left nothing, and whose undo nobody can ask for.
// It is best effort; what it cannot remove is tried again.
func (e *Engine) retire(ids []string) {
	for _, id := range ids[:max(0, len(ids)-keptRuns)] {
		p, err := e.State.peek(id)
		if err != nil || p == nil || p.end() == nil || p.standing() || p.releasing() || len(p.leftovers()) > 0 {
			continue
		}
		_ = os.RemoveAll(string(p.folder))
	}
}
