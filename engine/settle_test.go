package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
)

// pending leaves a dead run behind: one step done, the next one begun.
func (b *bench) pending(head string) {
	b.Helper()
	b.write("a", "old")
	program := b.load(head + "steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, fail: [save]}\n  - put: {path: D/c}\n")
	died := b.killAt(moment{record: 5}, func(e *engine.Engine) {
		_, _ = e.Run(context.Background(), program, nil)
	})
	if !died {
		b.Fatal("the run did not die")
	}
}

func (b *bench) wantUnsettled(code string) {
	b.Helper()
	for _, act := range []func() error{
		func() error { _, err := b.engine.Recover(context.Background()); return err },
		func() error {
			_, err := b.engine.Run(context.Background(), b.load("steps:\n  - put: {path: D/x}\n"), nil)
			return err
		},
	} {
		err := act()
		var unsettled *engine.Unsettled
		if f := fault.As(err); !errors.As(err, &unsettled) || f == nil || f.Code != code || f.Hint == "" {
			b.Errorf("got %v, want %s with a hint", err, code)
		}
	}
	b.wantFile("x", "-")
}

func TestAFrozenRecipeThatChangedIsNotRun(t *testing.T) {
	b := newBench(t)
	b.pending("")
	recipe := b.glob("runs/*/recipe.yaml")[0]
	source, err := os.ReadFile(recipe)
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range []string{strings.ReplaceAll(string(source), "new", "odd"), ""} {
		if err := os.WriteFile(recipe, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		b.wantUnsettled("frozen-recipe-changed")
	}
	if err := os.Remove(recipe); err != nil {
		t.Fatal(err)
	}
	b.wantUnsettled("frozen-recipe-missing")
	if err := os.WriteFile(recipe, source, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "old")
}

func TestARunWithoutItsJournalIsNotSweptAway(t *testing.T) {
	b := newBench(t)
	b.pending("")
	path := b.glob("runs/*/journal")[0]
	for _, spoil := range []func() error{func() error { return os.Truncate(path, 0) }, func() error { return os.Remove(path) }} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		b.wantUnsettled("journal-damaged")
	}
}

func TestARecordOfANewerGweIsNotPassedOver(t *testing.T) {
	b := newBench(t)
	b.pending("")
	opened, _, err := journal.Open(b.glob("runs/*/journal")[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(opened.Append("from-a-newer-gwe", struct{}{}), opened.Close()); err != nil {
		t.Fatal(err)
	}
	b.wantUnsettled("journal-newer-record")
}

func TestRecoveryTakesTheLocksOfTheDeadRun(t *testing.T) {
	b := newBench(t)
	b.pending("lock: [D/]\n")
	held := claimed(t, b.directory)
	if _, err := b.engine.Recover(context.Background()); err == nil || fault.ClassOf(err) != fault.Refused {
		t.Errorf("a locked target: %v", err)
	}
	b.wantFile("a", "new")
	held.Release()
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "old")
}

func TestTwoLocksOnOneDirectoryAreOne(t *testing.T) {
	b := newBench(t)
	if err := os.Symlink(b.directory, filepath.Join(b.directory, "link")); err != nil {
		t.Fatal(err)
	}
	recipe := "lock: [D/, D/link, D/not/yet]\nsteps:\n  - put: {path: D/%, text: new}\n"
	b.wantStatus(b.run(strings.ReplaceAll(recipe, "%", "a")), engine.StatusDone, 0)
	// The second run gives up what the first one kept, under the very locks that it holds.
	b.wantStatus(b.run(strings.ReplaceAll(recipe, "%", "b")), engine.StatusDone, 0)
	b.wantFile("a.released", "")
}

// A crumb on a target where another gwe works now is left for later.
func TestCleaningUpTakesTheLocksToo(t *testing.T) {
	b := newBench(t)
	b.run("lock: [D/]\nsteps:\n  - put: {path: D/a, fail: [leftover]}\n  - put: {path: D/b, fail: [do]}\n")
	b.write("a.heal", "")
	b.write("a", "theirs")
	held := claimed(t, b.directory)
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "theirs")
	held.Release()
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "-")
}

func TestLeasesOfOtherLocksLastBeyondACommit(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/a}\n"), engine.StatusDone, 0)
	result := b.run("lock: [two]\nsteps:\n  - put: {path: D/b}\n  - commit: in\n  - id: q\n    ask: {path: D/a.lease}\n  - id: r\n    ask: {path: D/b.lease}\n  - id: s\n    ask: {path: D/c.lease}\noutputs: {a: \"${{ steps.q.leased }}\", b: \"${{ steps.r.leased }}\", c: \"${{ steps.s.leased }}\"}\n")
	if result.Outputs["a"] != true || result.Outputs["b"] != true || result.Outputs["c"] != false {
		t.Errorf("leased: %v", result.Outputs)
	}
}

func TestARunThatDiedAtItsCommitTakesOverAllTheSame(t *testing.T) {
	for record := 4; record <= 5; record++ { // the commit, and that the earlier run is released
		b := newBench(t)
		b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/a}\n"), engine.StatusDone, 0)
		program := b.load("lock: [one]\nsteps:\n  - put: {path: D/b}\n  - commit: in\n")
		if !b.killAt(moment{record: record, before: record == 5}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
			t.Fatal("the run did not die")
		}
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
		b.wantFile("a.released", "")
		b.wantFile("b", "x")
		list, err := b.engine.State.List()
		if err != nil || len(list) != 2 || list[0].Standing || !list[1].Standing {
			t.Errorf("listed as %+v, %v", list, err)
		}
	}
}

func TestARunThatChangedNothingTakesNoWayBackAway(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/a}\n"), engine.StatusDone, 0)
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - stop: it is there\n  - put: {path: D/b}\n"), engine.StatusDone, 0)
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/b, fail: [do]}\n    allow-failure: true\n  - commit: nothing\n"), engine.StatusDone, 0)
	b.wantFile("a.released", "-")
	list, err := b.engine.State.List()
	if err != nil || len(list) != 3 || !list[0].Standing || list[1].Standing || list[2].Standing {
		t.Errorf("listed as %+v, %v", list, err)
	}
}

func TestOldRunsGoAndNeededOnesStay(t *testing.T) {
	b := newBench(t)
	standing := b.run("lock: [kept]\nsteps:\n  - put: {path: D/a}\n")
	crumb := b.run("steps:\n  - put: {path: D/b, fail: [leftover, do]}\n")
	gone := b.run("steps:\n  - put: {path: D/c, fail: [do]}\n")
	for range 25 {
		b.run("steps:\n  - look: {path: D/a}\n")
	}
	ids, err := b.engine.State.Runs()
	if err != nil {
		t.Fatal(err)
	}
	joined := strings.Join(ids, " ")
	if !strings.Contains(joined, standing.Run) || !strings.Contains(joined, crumb.Run) || strings.Contains(joined, gone.Run) || len(ids) < 20 || len(ids) > 24 {
		t.Errorf("%d runs are kept: %s", len(ids), joined)
	}
}
