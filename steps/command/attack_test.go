package command_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/command"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// A program writes where it runs: in the directory that the recipe names, and not where another user leads
// that name to.
func TestWorkingDirectoryUnderAttack(t *testing.T) {
	program := func(t testing.TB, path string) {
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho written > written\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("run", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: command.Run(), Parents: []string{"."}, Leaves: []string{"program"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				program(t, filepath.Join(work, "program"))
				return attack.Arguments(t, command.Run(), map[string]any{"argv": []any{filepath.Join(work, "program")}, "dir": work})
			},
		})
	})
	t.Run("run, a script", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: command.Run(), Parents: []string{"."}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				return attack.Arguments(t, command.Run(), map[string]any{"script": "echo written > written", "dir": work})
			},
		})
	})
	t.Run("hook", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: command.Hook(), Parents: []string{"."}, Leaves: []string{"script"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				program(t, filepath.Join(work, "script"))
				return attack.Arguments(t, command.Hook(), map[string]any{"script": "script", "dir": work, "optional": false})
			},
		})
	})
}
