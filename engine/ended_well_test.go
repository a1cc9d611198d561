package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

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

// TestAllowedFailuresAndSkips: a failure that is allowed is marked so, one whose undo failed is not; and a
// skip shows its guard as it is.
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
	for guard, want := range map[string]string{
		`not not (host.name == '')`:                                 `not not (host.name == '')`,
		`"any([1, 2], # > 2) or all([1], # > 1)"`:                   `any([1, 2], # > 2) or all([1], # > 1)`,
		"|\n      host.name == ''\n      and not (host.name != '')": "host.name == '' and not (host.name != '')",
		"false":       "false",
		"item == 'b'": "item == 'b'",
	} {
		b.events.events = nil
		b.wantStatus(b.run("steps:\n  - name: Not now\n    for-each: [a]\n    when: "+guard+"\n    put: {path: D/b}\n"), engine.StatusDone, 0)
		if e := b.ends()["round 1 of 1: a"]; e.Status != tasklog.Skipped || e.Text != "when is false: "+want {
			t.Errorf("%s: the skip: %+v", guard, e)
		}
	}
	b = newBench(t)
	b.run("steps:\n  - {name: May fail, put: {path: D/a, fail: [both]}, allow-failure: true}\n  - put: {path: D/b, fail: [do]}\n")
	if e := b.ends()["step May fail"]; e.Allowed {
		t.Errorf("its undo failed, so the run fails: %+v", e)
	}
}

// last is how the last task of a run ended.
func (b *bench) last(kind string) tasklog.Event {
	b.Helper()
	var ended tasklog.Event
	began := map[int]string{}
	for _, event := range b.events.events {
		switch event.Kind {
		case tasklog.Started:
			began[event.Task] = event.Type
		case tasklog.Ended:
			if began[event.Task] == kind {
				ended = event
			}
		}
	}
	return ended
}

// TestAResumeThatRollsBackWellIsNoError: whoever resumes the run, and whatever it fails by; the line that
// ends it says why.
func TestAResumeThatRollsBackWellIsNoError(t *testing.T) {
	recoverNow := func(m *boots) { m.wantRecovered(engine.StatusRestored) }
	for name, test := range map[string]struct {
		begin, wait, resume func(m *boots)
		reason              string
	}{
		"deadline, by recover": {func(m *boots) { m.probe("") }, func(m *boots) { m.after(time.Hour) }, recoverNow, "not confirmed"},
		"deadline, by confirm": {func(m *boots) { m.probe("") }, func(m *boots) { m.after(time.Hour) }, func(m *boots) { m.confirm() }, "not confirmed"},
		"deadline, by the next run": {func(m *boots) { m.probe("") }, func(m *boots) { m.after(time.Hour) }, func(m *boots) {
			m.wantStatus(m.run("steps: [{put: {path: D/c}}]\n"), engine.StatusDone, 0)
		}, "not confirmed"},
		"cancelled": {func(m *boots) { m.probe("") }, func(*boots) {}, func(m *boots) {
			if _, err := m.engine.CancelSuspended(context.Background(), ""); err != nil {
				m.Error(err)
			}
		}, "cancelled"},
		"a step after the reboot": {func(m *boots) { m.start("", "  - put: {path: D/c, fail: [do]}") }, func(m *boots) { m.reboot(time.Minute) }, func(m *boots) {
			m.wantRecovered(engine.StatusSuspended) // it leads back over a reboot
			m.reboot(time.Minute)
			m.wantRecovered(engine.StatusRestored)
		}, "put-failed"},
		"no reboot": {func(m *boots) { m.start("", "") }, func(m *boots) { m.after(time.Hour) }, recoverNow, "did not reboot"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newBoots(t)
			test.begin(m)
			test.wait(m)
			m.events.events = nil
			test.resume(m)
			if end := m.last("resume"); end.Status != tasklog.Done || !strings.Contains(end.Text, "everything was rolled back, because: ") || !strings.Contains(end.Text, test.reason) {
				t.Errorf("the resume ends as %+v", end)
			}
		})
	}
}

// TestAConfirmedRunThatFailsIsAnError: the exit code of gwe confirm is that of the run.
func TestAConfirmedRunThatFailsIsAnError(t *testing.T) {
	m := newBoots(t)
	m.wantStatus(m.run("steps:\n  - confirm: {within: 1h}\n  - put: {path: D/b, fail: [do]}\n"), engine.StatusSuspended, 75)
	m.wantStatus(m.confirm(), engine.StatusRestored, 3)
	if end := m.last("resume"); end.Status != tasklog.Failed || end.Error == "" {
		t.Errorf("the confirmed run ends as %+v", end)
	}
}
