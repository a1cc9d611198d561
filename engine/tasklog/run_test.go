package tasklog_test

import (
	"testing"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// TestOfRun: each event says of which run and step it is, those of the tasks below a step too; what is of no
// step says none.
func TestOfRun(t *testing.T) {
	var found recorded
	run := tasklog.Begin(tasklog.OfRun("20260102-030405.678", &found), "run", "update")
	step := run.BeginStep("step", "Write", tasklog.Step{ID: "conf", Path: "steps[0]", Number: 1, Of: 3})
	attempt := step.BeginCounted("attempt", "Attempt", 1, 2)
	attempt.Info("a line")
	attempt.Progress(1, 2, "files")
	attempt.Done("")
	step.Done("")
	run.Info("of no step")
	run.Done("")
	if len(found) != 9 {
		t.Fatalf("%d events", len(found))
	}
	for i, event := range found {
		want := "conf"
		if event.Task == 1 {
			want = ""
		}
		if event.Run != "20260102-030405.678" || event.Step != want {
			t.Errorf("event %d: run %q, step %q, want %q: %+v", i, event.Run, event.Step, want, event)
		}
	}
	if found[1].Number != 1 || found[1].Of != 3 {
		t.Errorf("%+v", found[1])
	}
}
