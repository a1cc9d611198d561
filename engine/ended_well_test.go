package engine_test

import (
	"context"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// ends lists the last events of tasks, by type and name.
func (b *bench) ends() map[string]tasklog.Event {
	began, ended := map[int]tasklog.Event{}, map[string]tasklog.Event{}
	for _, event := range b.events.events {
		switch event.Kind {
		case tasklog.Started:
			began[event.Task] = event
		case tasklog.Ended:
			ended[began[event.Task].Type+" "+began[event.Task].Name] = event
		}
	}
	return ended
}

// TestARecoveryThatEndedWellIsNoError: the run had failed; the recovery did what it is for.
func TestARecoveryThatEndedWellIsNoError(t *testing.T) {
	b := newBench(t)
	program := b.load("steps: [{put: {path: D/a}}, {put: {path: D/b}}]\n")
	if !b.killAt(moment{record: 3}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
		t.Fatal("the run came to its end")
	}
	b.events.events = nil
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusRestored {
		t.Fatalf("recovered with %+v, %v", results, err)
	}
	for name, event := range b.ends() {
		if event.Status != tasklog.Done {
			t.Errorf("%s: %+v", name, event)
		}
	}
	b.events.events = nil
	b.wantStatus(b.run("steps: [{put: {path: D/a, fail: [do]}}]\n"), engine.StatusRestored, 3)
	if last := b.events.events[len(b.events.events)-1]; last.Status != tasklog.Failed {
		t.Errorf("a run that failed ends as %+v", last)
	}
}

// TestAllowedFailuresAndSkips: a failure that is allowed is marked so, one whose undo failed is not; and a skip shows its guard as it is.
func TestAllowedFailuresAndSkips(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - {name: May fail, put: {path: D/a, fail: [do]}, allow-failure: true}\n  - {name: Not now, when: not (host.name != ''), put: {path: D/b}}\n"+
		"finally: [{name: May fail too, put: {path: D/c, fail: [do]}, allow-failure: true}]\n"), engine.StatusDone, 0)
	ended := b.ends()
	for _, name := range []string{"step May fail", "step May fail too"} {
		if e := ended[name]; e.Status != tasklog.Failed || !e.Allowed {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := ended["step Not now"]; e.Status != tasklog.Skipped || e.Text != "when is false: not (host.name != '')" {
		t.Errorf("the skip: %+v", e)
	}
	b = newBench(t)
	b.run("steps:\n  - {name: May fail, put: {path: D/a, fail: [both]}, allow-failure: true}\n  - put: {path: D/b, fail: [do]}\n")
	if e := b.ends()["step May fail"]; e.Allowed {
		t.Errorf("its undo failed, so the run fails: %+v", e)
	}
}
