package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine"
)

// TestUpdate: a good run, a failing one that is put back, an input that is wrong, and a recipe that is.
func TestUpdate(t *testing.T) {
	folder := t.TempDir()
	recipe := filepath.Join(folder, "recipe.yaml")
	write := func(text string) {
		if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	state, target := filepath.Join(folder, "state"), filepath.Join(folder, "target")
	try := func(want int, given ...string) {
		t.Helper()
		if code, err := update(t.Context(), state, recipe, given); code != want {
			t.Errorf("exit code %d, want %d: %v", code, want, err)
		}
	}
	const head = "gwe: 1\nname: embed\ninputs:\n  target: { type: path, required: true }\nsteps:\n" +
		"  - write: { path: \"${{ inputs.target }}\", content: new }\n"
	write(head + "  - assert: { that: false, message: told to fail }\n")
	try(engine.ExitRestored, "target="+target)
	if _, err := os.Stat(target); err == nil {
		t.Error("the failed run left its file")
	}
	write(head)
	try(engine.ExitRefused, "targt="+target)
	try(engine.ExitDone, "target="+target)
	if text, err := os.ReadFile(target); string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	write(head + "  - nonsense: {}\n")
	try(engine.ExitUsage, "target="+target)
}
