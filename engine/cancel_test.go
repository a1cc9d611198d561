package engine_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// A program with the engine inside hears gwe cancel by the signal, and cancels the context.
func TestCancelReachesAProgramWithTheEngineInside(t *testing.T) {
	b := newBench(t)
	ctx, stop := signal.NotifyContext(context.Background(), engine.CancelSignal)
	defer stop()
	var cancelled error
	var held engine.Holder
	var overview engine.Overview
	hangs := started("hanging")
	b.events.on = func(event tasklog.Event) {
		if hangs(event) {
			overview, _ = b.engine.Overview(context.Background())
			held, cancelled = b.engine.State.Cancel("")
		}
	}
	result := b.runWith(ctx, "steps:\n  - put: {path: D/a}\n  - name: hanging\n    put: {path: D/b, fail: [hang]}\n", nil)
	b.wantStatus(result, engine.StatusRestored, 3)
	b.wantFile("a", "-")
	if cancelled != nil || held.PID != os.Getpid() || held.Run != result.Run {
		t.Errorf("cancelled %+v, %v", held, cancelled)
	}
	doing := overview.Running
	if doing == nil || doing.Run != result.Run || doing.Recipe != "bench" || doing.Work != "run" || overview.ExitCode() != 75 {
		t.Errorf("meanwhile: %+v", doing)
	}
	ended, err := b.engine.State.Await(context.Background(), held)
	if err != nil || ended.Status != engine.StatusRestored {
		t.Errorf("it ended as %+v, %v", ended, err)
	}
	if _, err := b.engine.State.Cancel(result.Run); fault.As(err) == nil || !strings.Contains(fault.As(err).Hint, "rolled back") {
		t.Errorf("an ended run: %v", err)
	}
}

// The holder of the lock is never taken for another process that has its number now, nor overlooked where its
// name is missing.
func TestTheHolderOfTheLockIsThatVeryProcess(t *testing.T) {
	b := newBench(t)
	state := b.engine.State
	lock := filepath.Join(state.Directory, "lock")
	if err := os.MkdirAll(state.Directory, 0o700); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	identity, err := process.Identify(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	// A holder that died left its name, and another process has its number.
	left := `{"pid":1}`
	for _, content := range []string{left, `{"pid":1,"start":1,"boot_id":"x"}`} {
		if err := os.WriteFile(lock, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if held, err := state.Holder(); held != nil || err != nil {
			t.Errorf("nobody holds it: %+v, %v", held, err)
		}
		if _, err := state.Cancel(""); fault.ClassOf(err) != fault.Refused {
			t.Errorf("cancel: %v", err)
		}
	}
	for _, content := range []string{"", "no JSON", `{"pid":1,"start":1,"boot_id":"x"}`} {
		taken, err := durable.Acquire(lock, content)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := state.Holder(); err != nil || held == nil || held.PID != os.Getpid() {
			t.Errorf("%q: held by %+v, %v", content, held, err)
		}
		taken.Release()
	}
	identity.Start++ // an earlier process of that number
	if err := identity.Signal(engine.CancelSignal); err != os.ErrProcessDone {
		t.Errorf("a signal to a process that is gone: %v", err)
	}
	if other.ProcessState != nil || identity.Alive() {
		t.Error("the other process was met")
	}
}
