package command_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/command"
)

// TestNoExecIsKnownBefore: a plan knows that nothing can be started from a file system that is mounted
// noexec.
func TestNoExecIsKnownBefore(t *testing.T) {
	need.Root(t, "it mounts")
	mounted := filepath.Join(t.TempDir(), "mounted")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", mounted, "tmpfs", unix.MS_NOEXEC, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(mounted, unix.MNT_DETACH)
	release := filepath.Join(mounted, "fw-1")
	script := filepath.Join(release, "start")
	if err := os.Mkdir(release, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		stepType  step.Type
		arguments map[string]any
		refused   bool
	}{
		{"a script that is there", command.Hook(), map[string]any{"script": "start", "dir": release, "optional": true}, true},
		{"a script of a release to come", command.Hook(), map[string]any{"script": "start", "dir": mounted + "/fw-2", "optional": false}, true},
		{"a script that a release to come may not have", command.Hook(), map[string]any{"script": "start", "dir": mounted + "/fw-2", "optional": true}, false},
		{"a program", command.Run(), map[string]any{"argv": []any{script}}, true},
		{"a shell that reads it", command.Run(), map[string]any{"argv": []any{"/bin/sh", script}}, false},
	}
	for _, test := range tests {
		_, err := test.stepType.Plan(context.Background(), step.Local{}, test.arguments)
		f := fault.As(err)
		if (f != nil && f.Code == "process-no-exec") != test.refused {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.refused && step.AsStanding(err) == nil {
			t.Errorf("%s: a step above might change it: %v", test.name, err)
		}
	}
}
