package run

import (
	"context"
	"time"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// On the way back nothing is more important than to continue. A record that cannot be written is kept in
// memory, and the journal is mended: at once, before an older frame is touched; with each further record; and
// a few times more where the run would end without it. Only what is missing then leaves a run of which nobody
// knows enough.

// mendings is how often a journal is tried again before the run ends; the pause between two of them doubles
// from the first.
const (
	mendings  = 5
	firstRest = 50 * time.Millisecond
)

// holdRecord keeps a record in memory that could not be written, and mends the journal.
func (x *Runner) holdRecord(err error) {
	if !x.Journal.Keep() {
		x.lost = true
	}
	if x.unwritten == nil {
		x.unwritten = err
		x.Task.Warn("the journal cannot be written: " + err.Error() + "; continuing without it")
	}
	x.repairJournal()
}

// repairJournal writes what is missing in the journal, and reports whether that could be done.
func (x *Runner) repairJournal() bool {
	if x.Journal.Mend() != nil {
		return false
	}
	if !x.lost {
		x.unwritten = nil
		x.Task.Info("the journal is written again, and nothing is missing in it")
	}
	return true
}

// awaitJournal gives the journal time before the run ends, or rests, without it. Its error says that
// something is missing.
func (x *Runner) awaitJournal(ctx context.Context) error {
	for n, rest := 0, firstRest; n < mendings && x.unwritten != nil; n, rest = n+1, 2*rest {
		if x.repairJournal() {
			break
		}
		_ = runstate.Sleep(context.WithoutCancel(ctx), rest)
	}
	return x.unwritten
}
