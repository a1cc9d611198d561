package engine_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

func TestAllErrorsAreKeptTheFirstOneFirst(t *testing.T) {
	b := newBench(t)
	result := b.run(`steps:
  - id: one
    put: {path: D/one, fail: [undo]}
  - id: two
    put: {path: D/two, fail: [undo]}
    undo: [{note: {file: D/log, line: two, fail: true}}, {note: {file: D/log, line: still}}]
  - id: three
    put: {path: D/three, fail: [do]}
`)
	b.wantStatus(result, engine.StatusBroken, 5)
	if result.Err == nil || !strings.Contains(result.Err.Error(), "step three") {
		t.Errorf("the first error is %v", result.Err)
	}
	var told []string
	for _, other := range result.Others {
		told = append(told, other.Error())
	}
	if len(told) != 3 || !strings.Contains(told[0], "no more ink") || !strings.Contains(told[1], "step two") || !strings.Contains(told[2], "step one") {
		t.Errorf("the others, newest frame first, are %q", told)
	}
	b.wantFile("log", "two\nstill\n")
	detail, err := b.engine.State.Show("")
	if err != nil || len(detail.Errors) != 3 {
		t.Errorf("the journal keeps %q, %v", detail.Errors, err)
	}
}

func TestEachUndoHasATimeoutOfItsOwn(t *testing.T) {
	b := newBench(t)
	result := b.run(`defaults: {undo-timeout: 30ms}
steps:
  - put: {path: D/a}
    undo: [{note: {file: D/log, line: hangs, hang: true}}, {note: {file: D/log, line: next}}]
  - put: {path: D/b, fail: [do]}
`)
	// The hanging step failed, so the machine may not be as before; but it kept nothing from the rest.
	b.wantStatus(result, engine.StatusBroken, 5)
	b.wantFile("log", "hangs\nnext\n")
	b.wantFile("a", "-")
	if len(result.Others) != 1 || fault.As(result.Others[0]).Code != "step-timeout" {
		t.Errorf("the errors of the undo: %v", result.Others)
	}
}

func TestALeftoverHidesNoRestoreFailure(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a, fail: [do, both]}\nfailsafe:\n  - put: {path: D/safe}\n"), engine.StatusFailsafe, 4)
	b.wantFile("safe", "x")
}

func TestARestoreFailureBehindTheCommitStartsNoFailsafe(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a}\n  - commit: in\n  - put: {path: D/b, fail: [do, undo]}\nfailsafe:\n  - put: {path: D/safe}\n"), engine.StatusCommitted, 7)
	b.wantFile("safe", "-")
}

func TestFinallyReadsItsOwnOutputs(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a, fail: [do]}\nfinally:\n  - id: f\n    put: {path: D/f, text: mine}\n  - put: {path: D/g, text: \"${{ steps.f.text ?? 'none' }} ${{ run.recovering }}\"}\n"), engine.StatusRestored, 3)
	b.wantFile("g", "mine true")
}

func TestStepsOfOnePlaceDoNotMeetEachOthersFiles(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a}\nfinally:\n  - put: {path: D/f, fail: [save]}\n  - put: {path: D/g, fail: [save]}\n"), engine.StatusDone, 0)
}

// What a failed undo could not roll back is all that a person has to go by.
func TestWhatABrokenUndoNeedsStays(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a, fail: [do, undo, save]}\n"), engine.StatusBroken, 5)
	for range 2 {
		if saved := b.glob("runs/*/frames/1/saved"); len(saved) != 1 {
			t.Fatalf("what prepare saved is gone: %v", saved)
		}
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAttemptsShareOnePrepareAndAreUndoneBetween(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run(`steps:
  - put: {path: D/a, fail: [do, count]}
    retry: {attempts: 2}
    undo: [{note: {file: D/a.calls, line: recipe}}]
`), engine.StatusRestored, 3)
	b.wantFile("a.calls", "prepare\ndo\nrecipe\nundo\ndo\nrecipe\nundo\n")
	b.wantFile("a", "-")
	b = newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/b}\nfinally:\n  - put: {path: D/a, fail: [do, count]}\n    retry: {attempts: 2}\n"), engine.StatusCommitted, 7)
	b.wantFile("a.calls", "prepare\ndo\nundo\ndo\n")
}

func TestAnAttemptThatCannotBeUndoneIsTheLast(t *testing.T) {
	b := newBench(t)
	result := b.run("steps:\n  - put: {path: D/a, fail: [do, count, undo]}\n    retry: {attempts: 3}\n")
	b.wantStatus(result, engine.StatusBroken, 5)
	b.wantFile("a.calls", "prepare\ndo\nundo\nundo\n")
	b = newBench(t)
	result = b.run("steps:\n  - put: {path: D/a, fail: [do, count, leftover]}\n    retry: {attempts: 2}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	b.wantFile("a.calls", "prepare\ndo\nundo\ndo\nundo\n")
}

// A signal that comes at some moment of a run; what it leads to depends on the moment alone.
func TestSignalsAtEveryMoment(t *testing.T) {
	tests := []struct {
		name, recipe string
		at           func(tasklog.Event) bool
		status       engine.Status
		exit         int
		files        map[string]string
	}{
		{"between steps, before an explicit commit", "steps:\n  - put: {path: D/a}\n  - commit: in\n",
			started("put"), engine.StatusRestored, 143, map[string]string{"a": "-"}},
		{"in the last step before a silent commit", "steps:\n  - put: {path: D/a}\n",
			started("put"), engine.StatusRestored, 143, map[string]string{"a": "-"}},
		{"in the delay of a retry", "steps:\n  - put: {path: D/a}\n  - note: {file: D/log, line: try, fail: true}\n    retry: {attempts: 2, delay: 1h}\n",
			says("the next one starts in"), engine.StatusRestored, 143, map[string]string{"a": "-", "log": "try\n"}},
		{"in an undo, which is finished", "steps:\n  - put: {path: D/a}\n    undo: [{note: {file: D/log, line: first}}]\n  - put: {path: D/b, fail: [do]}\n    undo: [{note: {file: D/log, line: second}}]\n",
			started("Undo: put"), engine.StatusRestored, 3, map[string]string{"a": "-", "b": "-", "log": "second\nfirst\n"}},
		{"in an allowed failure", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [hang]}\n    allow-failure: true\n    name: last\n",
			started("last"), engine.StatusRestored, 143, map[string]string{"a": "-", "b": "-"}},
		{"in a parallel block", "steps:\n  - put: {path: D/a}\n  - parallel:\n      - steps: [{put: {path: D/b, fail: [hang]}, name: hanging}]\n      - steps: [{put: {path: D/c}}, {put: {path: D/d, fail: [hang]}}]\n",
			started("hanging"), engine.StatusRestored, 143, map[string]string{"a": "-", "b": "-", "c": "-", "d": "-"}},
		{"in the undo between attempts", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [do, count]}\n    retry: {attempts: 3}\n",
			started("Undo the attempt"), engine.StatusRestored, 143, map[string]string{"a": "-", "b": "-", "b.calls": "prepare\ndo\nundo\nundo\n"}},
		{"after the commit", "steps:\n  - put: {path: D/a}\n  - commit: in\n  - put: {path: D/b}\n    name: tail\n  - put: {path: D/c}\n",
			started("tail"), engine.StatusCommitted, 7, map[string]string{"a": "x", "b": "-", "c": "-"}},
		{"in finally", "steps:\n  - put: {path: D/a}\nfinally:\n  - put: {path: D/f}\n  - put: {path: D/g}\n",
			started("Finally"), engine.StatusDone, 0, map[string]string{"a": "x", "f": "x", "g": "x"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			b.events.on = func(event tasklog.Event) {
				if test.at(event) {
					cancel(&engine.Stopped{Signal: syscall.SIGTERM})
				}
			}
			b.wantStatus(b.runWith(ctx, test.recipe, nil), test.status, test.exit)
			if ctx.Err() == nil {
				t.Error("the moment never came")
			}
			for name, content := range test.files {
				b.wantFile(name, content)
			}
		})
	}
}

func started(name string) func(tasklog.Event) bool {
	return func(event tasklog.Event) bool { return event.Kind == tasklog.Started && event.Name == name }
}

func says(text string) func(tasklog.Event) bool {
	return func(event tasklog.Event) bool {
		return event.Kind == tasklog.Line && strings.Contains(event.Text, text)
	}
}
