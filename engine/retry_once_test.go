package engine_test

import (
	"testing"

	"github.com/gwe-project/gwe/engine"
)

// A disk that fails for a moment while something is rolled back needs no manual intervention. One that could
// not sync does: nobody knows what it has.
func TestAnUndoThatTheSystemRefusedIsTriedOnceMore(t *testing.T) {
	for fails, want := range map[string]struct {
		status engine.Status
		code   int
		calls  string
	}{
		"stumble": {engine.StatusRestored, 3, "prepare\ndo\nundo\nundo\n"},
		"lose":    {engine.StatusBroken, 5, "prepare\ndo\nundo\n"},
		"undo":    {engine.StatusBroken, 5, "prepare\ndo\nundo\n"},
	} {
		t.Run(fails, func(t *testing.T) {
			b := newBench(t)
			result := b.run("steps:\n  - put: {path: D/a, fail: [count, " + fails + "]}\n  - put: {path: D/b, fail: [do]}\n")
			b.wantStatus(result, want.status, want.code)
			b.wantFile("a.calls", want.calls)
		})
	}
}
