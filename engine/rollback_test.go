package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// backable is a run with everything that a rollback meets: an undo of the recipe that reads outputs, a group
// with an undo of its own, a saved file, a secret, and steps after the commit with an undo and without.
const backable = `
lock: [one]
inputs:
  key: {type: secret, required: true}
steps:
  - id: a
    put: {path: D/a, text: new, fail: [save]}
    undo: [{note: {file: D/marks, line: "a ${{ steps.a.text ?? 'none' }} ${{ run.recovering }}"}}]
  - put: {path: D/b, text: new, token: "${{ inputs.key }}"}
  - steps: [{note: {file: D/log, line: in the group}}]
    undo: [{note: {file: D/marks, line: group}}]
  - commit: in
  - note: {file: D/tail, line: late}
    undo: [{note: {file: D/marks, line: tail}}]
  - note: {file: D/tail, line: for good}
  - put: {path: D/c, text: new}
finally:
  - note: {file: D/marks, line: "finally ${{ run.recovering }}"}
`

func (b *bench) backable() engine.Result {
	b.Helper()
	b.write("a", "old")
	result := b.runWith(context.Background(), backable, engine.Inputs{"key": engine.Given{Value: "hunter2"}})
	b.wantStatus(result, engine.StatusDone, 0)
	return result
}

func (b *bench) wantBack() {
	b.Helper()
	b.wantFile("a", "old")
	b.wantFile("b", "-")
	b.wantFile("b.token", "-")
	b.wantFile("c", "new") // after the commit, and what its undo needs went when the run ended
}

func TestRollbackPutsACommittedRunBack(t *testing.T) {
	b := newBench(t)
	done := b.backable()
	plan, err := b.engine.PlanRollback(context.Background(), "")
	if err != nil || plan.Run != done.Run {
		t.Fatalf("the plan: %+v, %v", plan, err)
	}
	b.wantFile("marks", "finally false\n")
	var order []string
	for _, one := range plan.Undone {
		order = append(order, one.Name+": "+strings.Join(one.Undo, ", "))
	}
	if got := strings.Join(order, "\n"); got != "note: note\nsteps: note\nput: takes it back\na (put): note, takes it back" {
		t.Errorf("planned:\n%s", got)
	}
	if got := strings.Join(plan.Stays, ", "); got != "note, put" {
		t.Errorf("stays: %s", got)
	}
	result, err := b.engine.Rollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantBack()
	b.wantFile("marks", "finally false\ntail\ngroup\na new true\nfinally true\n")
	said := b.events.text()
	for _, name := range plan.Stays {
		if at := strings.Index(said, "this stays as it is: "+name); at < 0 || at > strings.Index(said, "Roll back what was done") {
			t.Errorf("it did not say first that %s stays:\n%s", name, said)
		}
	}
	if kept := append(b.glob("runs/*/frames/*"), b.glob("runs/*/secrets/*")...); len(kept) > 0 {
		t.Errorf("it keeps %v", kept)
	}
	for _, text := range []string{"rolled back already"} {
		b.wantRefused(done.Run, text)
	}
	list, err := b.engine.State.List()
	if err != nil || len(list) != 1 || list[0].Status != engine.StatusRolledBack || list[0].Standing || list[0].Error != "" {
		t.Errorf("listed as %+v, %v", list, err)
	}
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/next}\n"), engine.StatusDone, 0)
}

// wantRefused expects that a rollback is refused for that reason, dry or not, and that nothing is touched.
func (b *bench) wantRefused(id, reason string) {
	b.Helper()
	before := b.journals()
	for name, try := range map[string]func() error{
		"rollback": func() error { _, err := b.engine.Rollback(context.Background(), id); return err },
		"plan":     func() error { _, err := b.engine.PlanRollback(context.Background(), id); return err },
	} {
		err := try()
		if err == nil || fault.ClassOf(err) != fault.Refused || !strings.Contains(err.Error()+" | "+fault.As(err).Hint, reason) {
			b.Errorf("%s %s: %v, want a refusal that says %q", name, id, err, reason)
		}
	}
	if after := b.journals(); after != before {
		b.Errorf("a refused rollback wrote to a journal:\n%s", strings.TrimPrefix(after, before))
	}
}

func (b *bench) journals() string {
	b.Helper()
	var all strings.Builder
	for _, file := range b.glob("runs/*/journal") {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestRollbackRefuses(t *testing.T) {
	b := newBench(t)
	b.wantRefused("", "no run in")
	b.wantRefused("20000101-000000.000", "there is no run")
	failed := b.run("lock: [one]\nsteps:\n  - put: {path: D/f, fail: [do]}\n")
	b.wantRefused(failed.Run, "did not come to its commit")
	idle := b.run("lock: [one]\nsteps:\n  - look: {path: D/f}\n")
	b.wantRefused(idle.Run, "changed nothing")
	first := b.run("lock: [one]\nsteps:\n  - put: {path: D/a}\n")
	second := b.run("lock: [one]\nsteps:\n  - put: {path: D/b}\n")
	b.wantRefused(first.Run, "run "+second.Run+" was committed on top of run "+first.Run)
	b.wantRefused(first.Run, "these runs can be rolled back: "+second.Run)
	final := b.run("lock: [two]\nsteps:\n  - name: Call out\n    note: {file: D/log, line: x}\n")
	b.wantRefused("", `nothing undoes what "Call out" did`)
	b.wantRefused(final.Run, "these runs can be rolled back: "+second.Run)
	checked := b.run("lock: [three]\nsteps:\n  - put: {path: D/v, fail: [verify-late]}\n")
	b.write("v", "theirs")
	b.wantRefused(checked.Run, "the machine is not as run "+checked.Run+" left it")
	scarred := b.run("lock: [four]\nsteps:\n  - put: {path: D/s}\n  - commit: in\n  - put: {path: D/t, fail: [do, undo]}\n")
	b.wantRefused(scarred.Run, "an undo of run "+scarred.Run+" failed")
	if err := b.engine.Forget(context.Background(), second.Run); err != nil {
		t.Fatal(err)
	}
	b.wantRefused(second.Run, "released by `gwe forget`")
	b.wantRefused(second.Run, "these runs can be rolled back: "+checked.Run)
	b.wantRefused(checked.Run, "no other run can be rolled back")
	b.wantFile("b.released", "")
	b.wantFile("b", "x")
}

// A step whose path a later step of the same run changed again is not a reason to refuse.
func TestRollbackOfWhatARunChangedTwice(t *testing.T) {
	b := newBench(t)
	b.write("v", "old")
	b.wantStatus(b.run("steps:\n  - put: {path: D/v, text: one, fail: [verify-late]}\n  - put: {path: D/v, text: two, fail: [verify-late]}\n"), engine.StatusDone, 0)
	result, err := b.engine.Rollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantFile("v", "old")
}

func TestAFailedRollbackStartsTheFailsafe(t *testing.T) {
	for failsafe, want := range map[string]engine.Status{
		"": engine.StatusBroken, "failsafe:\n  - put: {path: D/safe}\n": engine.StatusFailsafe,
	} {
		b := newBench(t)
		done := b.run("steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [undo]}\n" + failsafe)
		result, err := b.engine.Rollback(context.Background(), "")
		if err != nil || result.Status != want || len(result.Others) != 1 {
			t.Errorf("it ended as %+v, %v", result, err)
		}
		b.wantFile("a", "-")
		b.wantRefused(done.Run, "rolled back already")
		// A later run that was rolled back does not hide it; one that commits does.
		b.wantStatus(b.run("steps:\n  - put: {path: D/c, fail: [do]}\n"), engine.StatusRestored, 3)
		if seen, err := b.engine.Overview(context.Background()); err != nil || (seen.ExitCode() == 5) != (want == engine.StatusBroken) {
			t.Errorf("the overview: %+v, %v", seen, err)
		}
		b.wantStatus(b.run("steps:\n  - put: {path: D/c}\n"), engine.StatusDone, 0)
		if seen, err := b.engine.Overview(context.Background()); err != nil || seen.ExitCode() != 0 {
			t.Errorf("the overview: %+v, %v", seen, err)
		}
	}
}

func TestRollbackTakesTheLocks(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("lock: [D/]\nsteps:\n  - put: {path: D/a}\n"), engine.StatusDone, 0)
	held := claimed(t, b.directory)
	if _, err := b.engine.Rollback(context.Background(), ""); fault.As(err) == nil || fault.As(err).Code != "lock-busy" {
		t.Errorf("a locked target: %v", err)
	}
	held.Release()
	b.wantFile("a", "x")
}

// Once begun, a rollback continues to its end whatever becomes of the context.
func TestARollbackIsNotCancelled(t *testing.T) {
	b := newBench(t)
	b.backable()
	ctx, cancel := context.WithCancel(context.Background())
	cancelOn := started("Roll back what was done")
	b.events.on = func(event tasklog.Event) {
		if cancelOn(event) {
			cancel()
		}
	}
	result, err := b.engine.Rollback(ctx, "")
	if err != nil || ctx.Err() == nil {
		t.Fatalf("%v, %v", err, ctx.Err())
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantBack()
	if _, err := b.engine.Rollback(ctx, ""); err == nil {
		t.Error("there is nothing left to roll back")
	}
}

// TestKillAtEveryRecordOfARollback kills it, and then the recovery that continues it.
func TestKillAtEveryRecordOfARollback(t *testing.T) {
	for _, before := range []bool{true, false} {
		for _, power := range []bool{true, false} {
			begun, record := 0, 1
			for died := true; died; record++ {
				b := newBench(t)
				done := b.backable()
				died = b.killAt(moment{record, before, power}, func(e *engine.Engine) { _, _ = e.Rollback(context.Background(), "") })
				if died {
					b.killAt(moment{record: 1 + record%5}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) })
				}
				results, err := b.engine.Recover(context.Background())
				if err != nil {
					t.Fatalf("record %d: recovery: %v", record, err)
				}
				for _, result := range results {
					b.wantStatus(result, engine.StatusRolledBack, 0)
				}
				list, err := b.engine.State.List()
				if err != nil || len(list) != 1 {
					t.Fatalf("record %d: listed as %+v, %v", record, list, err)
				}
				if list[0].Status == engine.StatusRolledBack {
					begun++
					b.wantBack()
					marks, _ := os.ReadFile(filepath.Join(b.directory, "marks"))
					for _, mark := range []string{"tail\n", "group\n", "a new true\n", "finally true\n"} {
						if !strings.Contains(string(marks), mark) {
							t.Errorf("record %d: the undo did not say %q: %q", record, mark, marks)
						}
					}
				} else if result, err := b.engine.Rollback(context.Background(), done.Run); err != nil || result.Status != engine.StatusRolledBack {
					t.Errorf("record %d: it had not begun, and then: %+v, %v", record, result, err)
				}
				b.wantSettled()
				if t.Failed() {
					t.Fatalf("record %d, before %v, power %v", record, before, power)
				}
			}
			if record < 9 || begun < record-3 {
				t.Errorf("%d records, %d of which were finished by a recovery, are too few to prove anything", record, begun)
			}
		}
	}
}

// Asked again after its death, `gwe rollback` finishes what it had begun, and rolls back nothing else.
func TestARollbackThatDiedIsFinishedByTheNext(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("lock: [other]\nsteps:\n  - put: {path: D/other}\n"), engine.StatusDone, 0)
	done := b.backable()
	if !b.killAt(moment{record: 3}, func(e *engine.Engine) { _, _ = e.Rollback(context.Background(), "") }) {
		t.Fatal("it did not die")
	}
	result, err := b.engine.Rollback(context.Background(), "")
	if err != nil || result.Run != done.Run {
		t.Errorf("%+v, %v", result, err)
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantBack()
	b.wantFile("other", "x")
}

func TestForgetRefusesWhatALaterUndoNeeds(t *testing.T) {
	b := newBench(t)
	first := b.run("lock: [one]\nsteps:\n  - put: {path: D/a}\n")
	second := b.run("lock: [two]\nsteps:\n  - put: {path: D/a}\n")
	err := b.engine.Forget(context.Background(), first.Run)
	if fault.As(err) == nil || fault.As(err).Code != "forget-needed" {
		t.Errorf("forget: %v", err)
	}
	for _, one := range []string{second.Run, first.Run} {
		if err := b.engine.Forget(context.Background(), one); err != nil {
			t.Error(err)
		}
	}
	if err := b.engine.Forget(context.Background(), first.Run); fault.ClassOf(err) != fault.Refused {
		t.Errorf("forgotten twice: %v", err)
	}
	if kept := b.glob("runs/*/frames/*"); len(kept) > 0 {
		t.Errorf("it keeps %v", kept)
	}
}

// A rollback that cannot be written down is not begun; one whose journal breaks later continues, says so, and
// is finished by the next recovery.
func TestARollbackOnABrokenDisk(t *testing.T) {
	for _, from := range []int{1, 2} {
		b := newBench(t)
		done := b.backable()
		count := 0
		spoilt := *b.engine
		spoilt.Journals = func(w journal.Writer) journal.Writer {
			return &spoiled{Writer: w, count: &count, from: from, to: 1000}
		}
		result, err := spoilt.Rollback(context.Background(), "")
		if from == 1 {
			if err == nil || result.Run != "" {
				t.Errorf("it began unwritten: %+v, %v", result, err)
			}
			b.wantFile("a", "new")
			b.wantFile("marks", "finally false\n")
		} else if err != nil || result.Status != engine.StatusBroken {
			t.Errorf("it ended as %+v, %v", result, err)
		}
		if result, err = b.engine.Rollback(context.Background(), ""); err != nil || result.Run != done.Run {
			t.Fatalf("%+v, %v", result, err)
		}
		b.wantStatus(result, engine.StatusRolledBack, 0)
		b.wantBack()
		b.wantSettled()
	}
}
