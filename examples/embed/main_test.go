package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
)

// TestMain lets a test run the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("EMBED_AS_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestCancel: `gwe cancel` ends a run of the agent as it ends one of gwe, and all is rolled back.
func TestCancel(t *testing.T) {
	directory := t.TempDir()
	recipe, state, target := filepath.Join(directory, "recipe.yaml"), filepath.Join(directory, "state"), filepath.Join(directory, "target")
	text := "gwe: 1\nname: embed\nsteps:\n  - write: { path: " + target + ", content: new }\n" +
		"  - run: { argv: [sleep, 60s] }\n    effects: none\n"
	if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	program := exec.Command(os.Args[0], state, recipe)
	program.Env = append(os.Environ(), "EMBED_AS_PROGRAM=1")
	program.Stderr = os.Stderr
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(target); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := (engine.State{Directory: state}).Cancel(""); err != nil {
		t.Fatal(err)
	}
	var ended *exec.ExitError
	if err := program.Wait(); !errors.As(err, &ended) || ended.ExitCode() != engine.ExitRestored {
		t.Errorf("%v, want exit code %d", err, engine.ExitRestored)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the cancelled run left its file")
	}
}

// TestUpdate: a good run, a failing one that is rolled back, an input that is wrong, and a recipe that is.
func TestUpdate(t *testing.T) {
	directory := t.TempDir()
	recipe := filepath.Join(directory, "recipe.yaml")
	write := func(text string) {
		if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	state, target := filepath.Join(directory, "state"), filepath.Join(directory, "target")
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
	try(engine.ExitUsage, "targt="+target)
	try(engine.ExitDone, "target="+target)
	if text, err := os.ReadFile(target); string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	write(head + "  - nonsense: {}\n")
	try(engine.ExitUsage, "target="+target)
}
