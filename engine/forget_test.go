package engine_test

import (
	"context"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
)

// kept is a run whose steps keep something outside the run's directory, which Release gives up.
const kept = "lock: [one]\nsteps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, text: new}\n"

// wantNoWayBack checks that nobody can ask any more for an undo of which a part may be gone, and that a
// recovery gives up the rest.
func (b *bench) wantNoWayBack(id string) {
	b.Helper()
	if able, err := b.engine.Rollbackable(); err != nil || len(able) > 0 {
		b.Errorf("still to be rolled back: %v, %v", able, err)
	}
	if _, err := b.engine.PlanRollback(context.Background(), id); fault.As(err) == nil || fault.As(err).Code != "rollback-released" {
		b.Errorf("the plan: %v", err)
	}
	if _, err := b.engine.Recover(context.Background()); err != nil {
		b.Error(err)
	}
	b.wantFile("a.released", "")
	b.wantFile("b.released", "")
	b.wantFile("a", "new")
	if left := b.glob("runs/" + id + "/frames"); len(left) > 0 {
		b.Errorf("it keeps %v", left)
	}
}

func TestKillAtEveryRecordOfAForget(t *testing.T) {
	for _, power := range []bool{true, false} {
		for record := 1; ; record++ {
			b := newBench(t)
			done := b.run(kept)
			died := b.killAt(moment{record: record, before: true, power: power}, func(e *engine.Engine) { _ = e.Forget(context.Background(), done.Run) })
			if !died {
				if record < 3 {
					t.Errorf("it wrote %d records only", record-1)
				}
				break
			}
			if record > 1 {
				b.wantNoWayBack(done.Run)
				continue
			}
			if able, err := b.engine.Rollbackable(); err != nil || len(able) != 1 {
				t.Errorf("nothing was given up, and there is no way back: %v, %v", able, err)
			}
		}
	}
}

// A journal that breaks while what an undo needs is given up leaves no half of it to a rollback.
func TestAForgetOnABrokenDisk(t *testing.T) {
	for from, code := range map[int]string{1: "journal-unwritable", 2: "forget-incomplete"} {
		b := newBench(t)
		done := b.run(kept)
		count := 0
		spoilt := *b.engine
		spoilt.Journals = func(w journal.Writer) journal.Writer {
			return &spoiled{Writer: w, count: &count, from: from, to: 1000}
		}
		if err := spoilt.Forget(context.Background(), done.Run); fault.As(err) == nil || fault.As(err).Code != code {
			t.Errorf("from record %d: %v", from, err)
		}
		if from > 1 {
			b.wantNoWayBack(done.Run)
			continue
		}
		b.wantFile("a.released", "-")
		if result, err := b.engine.Rollback(context.Background(), ""); err != nil || result.Status != engine.StatusRolledBack {
			t.Errorf("%+v, %v", result, err)
		}
	}
}

// A record that was written, and whose sync failed: whether there is a way back, the next recovery tells.
func TestAForgetThatMayBeDurable(t *testing.T) {
	b := newBench(t)
	done := b.run(kept)
	count := 0
	sick := *b.engine
	sick.Journals = func(w journal.Writer) journal.Writer { return torn{w, &count, 1} }
	if err := sick.Forget(context.Background(), done.Run); fault.As(err) == nil || fault.As(err).Code != "forget-pending" {
		t.Errorf("forget: %v", err)
	}
	b.wantFile("a.released", "-")
	b.wantNoWayBack(done.Run)
}

// The same of a rollback: it is not begun, and continues in the recovery that finds the record.
func TestARollbackThatMayHaveBegun(t *testing.T) {
	b := newBench(t)
	done := b.backable()
	count := 0
	sick := *b.engine
	sick.Journals = func(w journal.Writer) journal.Writer { return torn{w, &count, 1} }
	result, err := sick.Rollback(context.Background(), "")
	if err != nil || result.Run != done.Run {
		t.Fatalf("%+v, %v", result, err)
	}
	b.wantStatus(result, engine.StatusPending, engine.ExitErrored)
	b.wantFile("a", "new")
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	b.wantStatus(results[0], engine.StatusRolledBack, 0)
	b.wantBack()
	b.wantSettled()
}
