package engine_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/journal"
)

// spoil lets the journal refuse the records from one number up to another, and runs the recipe of updating.
func (b *bench) spoil(extra string, from, to int) (result engine.Result, records int, err error) {
	count := 0
	sick := *b.engine
	sick.Journals = func(w journal.Writer) journal.Writer { return &spoiled{w, &count, from, to} }
	result, err = sick.Run(context.Background(), b.load(fmt.Sprintf(updating, extra)+"failsafe:\n  - put: {path: D/safe}\n"), nil)
	return result, count, err
}

// The journal cannot be written any more from some record on, for ever. Going forward, the run stops and is
// rolled back; going back, it continues. It never says that all is well, and it is not a reason for the
// failsafe. The next recovery comes to the same end.
func TestTheJournalFailsForEver(t *testing.T) {
	for _, extra := range []string{"", "  - put: {path: D/d, fail: [do]}\n"} {
		for from := 2; ; from++ {
			b := newBench(t)
			b.write("a", "old")
			b.write("c", "old")
			result, records, err := b.spoil(extra, from, math.MaxInt)
			if err != nil {
				t.Fatal(err)
			}
			if records < from {
				break
			}
			old, new := b.oldOrNew()
			switch {
			case old && !new && result.Status == engine.StatusBroken:
			case new && !old && (result.Status == engine.StatusCommitted || result.Status == engine.StatusBroken):
			default:
				t.Errorf("from record %d (%q): old %v, new %v, but %s", from, extra, old, new, result.Status)
			}
			b.wantFile("safe", "-")
			if _, err := b.engine.Recover(context.Background()); err != nil {
				t.Fatal(err)
			}
			if nowOld, nowNew := b.oldOrNew(); nowOld != old || nowNew != new {
				t.Errorf("from record %d (%q): recovery made another end of it", from, extra)
			}
			b.wantSettled()
		}
	}
}

// So it is where nothing comes after the commit: all steps are done then, and a recovery commits such a run.
func TestTheJournalFailsForEverAtTheEnd(t *testing.T) {
	for from := 2; ; from++ {
		b := newBench(t)
		count := 0
		sick := *b.engine
		sick.Journals = func(w journal.Writer) journal.Writer { return &spoiled{w, &count, from, math.MaxInt} }
		result, err := sick.Run(context.Background(), b.load("steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, text: new}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if count < from {
			return
		}
		at := func() string {
			a, _ := os.ReadFile(filepath.Join(b.directory, "a"))
			c, _ := os.ReadFile(filepath.Join(b.directory, "b"))
			return string(a) + string(c)
		}
		before := at()
		if before != "newnew" && before != "" || result.ExitCode() != 5 && result.ExitCode() != 7 {
			t.Errorf("from record %d: %q, %s", from, before, result.Status)
		}
		results, err := b.engine.Recover(context.Background())
		if err != nil || len(results) != 1 {
			t.Fatalf("recovered %+v, %v", results, err)
		}
		if now := at(); now != before || (now == "newnew") != (results[0].Status == engine.StatusDone) {
			t.Errorf("from record %d: it was %q, and recovery made it %q: %s", from, before, now, results[0].Status)
		}
		b.wantSettled()
	}
}

// Nobody knows what a journal with gaps does not tell, so a person finds all that was kept.
func TestWhatARunWithGapsKeptStays(t *testing.T) {
	b := newBench(t)
	count := 0
	b.engine.Journals = func(w journal.Writer) journal.Writer { return &spoiled{w, &count, 5, 6} }
	// Record 4 is the turning back, record 5 that the frame is undone.
	b.wantStatus(b.run("steps:\n  - put: {path: D/a, fail: [save]}\n  - look: {path: D/}\n"), engine.StatusBroken, 5)
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	if saved := b.glob("runs/*/frames/1/saved"); len(saved) != 1 {
		t.Errorf("kept: %v", saved)
	}
}

// One record finds no space, and there is some again for the next.
func TestTheJournalFailsOnce(t *testing.T) {
	for from := 2; ; from++ {
		b := newBench(t)
		b.write("a", "old")
		b.write("c", "old")
		result, records, err := b.spoil("", from, from+1)
		if err != nil {
			t.Fatal(err)
		}
		if records < from {
			return
		}
		old, new := b.oldOrNew()
		if old == new || result.Status == engine.StatusBroken {
			t.Errorf("record %d: old %v, new %v, %s, %v", from, old, new, result.Status, result.Others)
		}
		if old && result.Status != engine.StatusRestored {
			t.Errorf("record %d: rolled back, but %s", from, result.Status)
		}
		b.wantFile("safe", "-")
		b.wantSettled()
	}
}

func TestARunWhoseBeginningCannotBeWrittenNeverWas(t *testing.T) {
	b := newBench(t)
	if _, _, err := b.spoil("", 1, math.MaxInt); err == nil {
		t.Error("it ran without a journal")
	}
	if runs := b.glob("runs/*"); len(runs) != 0 {
		t.Errorf("left behind: %v", runs)
	}
}

// An end that is too large for a record is an end all the same.
func TestOutputsTooLargeForTheJournalDoNotKeepARunFromEnding(t *testing.T) {
	b := newBench(t)
	const half = 700 << 10
	b.write("large", strings.Repeat("x", half))
	result := b.run("steps:\n  - id: one\n    look: {path: D/large}\noutputs:\n  one: ${{ steps.one.text ?? '' }}\n  two: ${{ steps.one.text ?? '' }}\n")
	b.wantStatus(result, engine.StatusDone, 0)
	if text, _ := result.Outputs["two"].(string); len(text) != half {
		t.Errorf("the output has %d bytes", len(text))
	}
	b.wantSettled()
}

// However long an error is, it has its place in the space of the way back.
func TestAnErrorOfAnyLengthFitsIntoTheJournal(t *testing.T) {
	b := newBench(t)
	b.write("long", strings.Repeat("é", 300<<10))
	result := b.run("steps:\n  - id: l\n    look: {path: D/long}\n  - put: {path: D/a, fail: [shout], text: \"${{ steps.l.text ?? '' }}\"}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	b.wantSettled()
}

// torn writes a record and cannot say whether it is durable; from then on the journal is broken.
type torn struct {
	journal.Writer
	count *int
	at    int
}

func (s torn) Append(kind string, data any) error { return s.write(kind, data, s.Writer.Append) }
func (s torn) Note(kind string, data any) error   { return s.write(kind, data, s.Writer.Note) }

func (s torn) write(kind string, data any, write func(string, any) error) error {
	*s.count++
	if *s.count < s.at {
		return write(kind, data)
	}
	if *s.count == s.at {
		_ = write(kind, data)
	}
	return &journal.Unsure{Err: errSpoiled}
}

// A record was written, and its sync failed. The next recovery may find it: then the machine must be as the
// record says.
func TestARecordThatMayBeDurable(t *testing.T) {
	for at := 2; ; at++ {
		b := newBench(t)
		b.write("a", "old")
		b.write("c", "old")
		count := 0
		sick := *b.engine
		sick.Journals = func(w journal.Writer) journal.Writer { return torn{w, &count, at} }
		if _, err := sick.Run(context.Background(), b.load(fmt.Sprintf(updating, "")), nil); err != nil {
			t.Fatal(err)
		}
		if count < at {
			return
		}
		old, new := b.oldOrNew()
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
		if nowOld, nowNew := b.oldOrNew(); old == new || nowOld != old || nowNew != new {
			t.Errorf("record %d: old %v, new %v; after recovery old %v, new %v", at, old, new, nowOld, nowNew)
		}
		list, err := b.engine.State.List()
		if err != nil || len(list) != 1 || (list[0].Status == engine.StatusRestored) != old {
			t.Errorf("record %d: old %v, but the journal says %v, %v", at, old, list, err)
		}
	}
}

// What a step after the commit kept for its undo cannot be given up: the next recovery tries again.
func TestWhatCannotBeGivenUpIsTriedAgain(t *testing.T) {
	b := newBench(t)
	if err := os.Mkdir(filepath.Join(b.directory, "b.released"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.wantStatus(b.run("steps:\n  - put: {path: D/a}\n  - commit: it is in place\n  - put: {path: D/b}\n"), engine.StatusDone, 0)
	if err := os.RemoveAll(filepath.Join(b.directory, "b.released")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("b.released", "")
	b.wantFile("b", "x")
}
