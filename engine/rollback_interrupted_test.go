package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

// TestRollbackOfAnInterruptedRun: who asks for a rollback while a run is interrupted gets that one rolled
// back, and not the commit before it too.
func TestRollbackOfAnInterruptedRun(t *testing.T) {
	b := newBench(t)
	good := b.run("steps:\n  - put: {path: D/a}\n  - commit: in\n")
	b.wantStatus(good, engine.StatusDone, 0)
	program := b.load("steps:\n  - put: {path: D/b}\n  - put: {path: D/c}\n")
	if !b.killAt(moment{record: 3}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
		t.Fatal("it was not interrupted")
	}
	result, err := b.engine.Rollback(t.Context(), "")
	found := fault.As(err)
	if found == nil || found.Code != "rollback-recovered" || !strings.Contains(found.Hint, "gwe rollback "+good.Run) {
		t.Fatalf("the rollback: %v, %+v", err, result)
	}
	for name, want := range map[string]bool{"a": true, "b": false} {
		if _, err := os.Lstat(filepath.Join(b.directory, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if result, err := b.engine.Rollback(t.Context(), ""); err != nil || result.Status != engine.StatusRolledBack {
		t.Errorf("the next rollback: %v, %v", result.Status, err)
	}
}
