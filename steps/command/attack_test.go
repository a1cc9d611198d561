package command_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/command"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// A program writes where it runs: in the directory that the recipe names, and not where another user leads that name to.
func TestWorkingDirectoryUnderAttack(t *testing.T) {
	converted := func(t testing.TB, of value.Type, arguments map[string]any) map[string]any {
		whole, err := value.Convert(of, arguments)
		if err != nil {
			t.Fatal(err)
		}
		return whole.(map[string]any)
	}
	t.Run("run", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: command.Run(), Parents: []string{"."}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				return converted(t, command.Run().Arguments(), map[string]any{"script": "echo written > written", "dir": work})
			},
		})
	})
	t.Run("hook", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: command.Hook(), Parents: []string{"."}, Leaves: []string{"script"}, Looks: true,
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				if err := os.WriteFile(filepath.Join(work, "script"), []byte("#!/bin/sh\necho written > written\n"), 0o755); err != nil {
					t.Fatal(err)
				}
				return converted(t, command.Hook().Arguments(), map[string]any{"script": "script", "dir": work, "optional": false})
			},
		})
	})
}
