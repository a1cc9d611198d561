package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/journal"
)

// ailing is a journal on a disk that fails at one record, and for some calls from there on. It keeps and is
// mended as the real one.
type ailing struct {
	journal.Writer
	*testing.T
	records, calls int
	at             int
	broken         bool
	failed         func() error
	kept           []func() error
	untried        bool
}

func (a *ailing) Append(kind string, data any) error {
	return a.write(func() error { return a.Writer.Append(kind, data) })
}

func (a *ailing) Note(kind string, data any) error {
	return a.write(func() error { return a.Writer.Note(kind, data) })
}

func (a *ailing) write(record func() error) error {
	if a.untried {
		a.Error("nobody tried to write what was kept before the next record")
	}
	a.records++
	a.failed = nil
	if a.broken = a.broken || a.records == a.at; !a.broken {
		return record()
	}
	a.calls--
	a.failed = record
	return errSpoiled
}

func (a *ailing) Keep() bool {
	if a.failed == nil {
		return false
	}
	a.kept, a.failed, a.untried = append(a.kept, a.failed), nil, true
	return true
}

func (a *ailing) Mend() error {
	a.untried = false
	if a.calls--; a.calls >= 0 {
		return errSpoiled
	}
	for _, record := range a.kept {
		if err := record(); err != nil {
			return err
		}
	}
	a.broken, a.kept = false, nil
	return nil
}

// The journal cannot be written for a moment, at each record in turn. The run is rolled back, or stays in
// place, and says so: nobody has to look, and nothing is left to a recovery.
func TestTheJournalIsTakenUpAgain(t *testing.T) {
	for _, extra := range []string{"", "  - put: {path: D/d, fail: [do]}\n"} {
		for _, calls := range []int{1, 2, 5} {
			for at := 2; ; at++ {
				b := newBench(t)
				b.write("a", "old")
				b.write("c", "old")
				sick := *b.engine
				var disk *ailing
				sick.Journals = func(w journal.Writer) journal.Writer {
					disk = &ailing{Writer: w, T: t, calls: calls, at: at}
					return disk
				}
				result, err := sick.Run(context.Background(), b.load(fmt.Sprintf(updating, extra)), nil)
				if err != nil {
					t.Fatal(err)
				}
				if disk.records < at {
					break
				}
				old, new := b.oldOrNew()
				want := engine.StatusRestored
				if new {
					want = engine.StatusCommitted
				}
				if new && result.Status == engine.StatusDone {
					want = engine.StatusDone // it failed after the last step
				}
				if old == new || result.Status != want {
					t.Errorf("%d calls from record %d (%q): old %v, new %v, %s, %v", calls, at, extra, old, new, result.Status, result.Others)
				}
				b.wantWhole()
				if results, err := b.engine.Recover(context.Background()); err != nil || len(results) != 0 {
					t.Errorf("%d calls from record %d (%q): something was left to recover: %+v, %v", calls, at, extra, results, err)
				}
				b.wantSettled()
			}
		}
	}
}

// wantWhole checks that nothing is missing in the only journal: whoever was not committed is undone, and it
// has an end.
func (b *bench) wantWhole() {
	b.Helper()
	records, err := journal.Read(b.glob("runs/*/journal")[0])
	if err != nil {
		b.Fatal(err)
	}
	var kinds []string
	intents := 0
	for _, record := range records {
		kinds = append(kinds, record.Kind)
		switch record.Kind {
		case "intent", "entered":
			intents++
		case "undone":
			intents--
		}
	}
	if !slices.Contains(kinds, "end") || !slices.Contains(kinds, "committed") && intents != 0 {
		b.Errorf("%d frames are not undone: %v", intents, kinds)
	}
}
