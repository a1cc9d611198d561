package migration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// sleeper is the argument by which the test knows the process again.
const sleeper = "37.0625"

// slowUp is a way up that takes long when it is run for the first time. Its child outlives it.
const slowUp = `#!/bin/sh
[ -e ../slept ] || { touch ../slept; sleep ` + sleeper + ` & wait; }
exec ./migrate "$@"
`

const survivorRecipe = `gwe: 1
name: survivor
inputs: { root: { type: path, required: true } }
lock: ["${{ inputs.root }}"]
steps:
  - migration-rollback:
      running: ${{ inputs.root }}/old
      new: ${{ inputs.root }}/new
      folder: app/migrations
      pattern: "[0-9]*.sql"
      command: [./migrate, app/migrations, "{migration}"]
      up: [./up, app/migrations, "{migration}"]
  - run: { argv: ["false"] }
    undo: none
`

// TestRollbackDoesNotMeetItself: where gwe dies while the way up runs, recovery ends that before it goes the
// way up again. Two of them at once would break the database.
func TestRollbackDoesNotMeetItself(t *testing.T) {
	recipe := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(recipe, []byte(survivorRecipe), 0o644); err != nil {
		t.Fatal(err)
	}
	b, root := recipetest.New(t, catalog()), t.TempDir()
	arrange(t, root, "01_a 02_b", "01_a")
	if err := os.WriteFile(root+"/old/up", []byte(slowUp), 0o755); err != nil {
		t.Fatal(err)
	}
	if !b.KillWhen(func() bool { return sleeping() > 0 }, recipe, map[string]string{"root": root}) || sleeping() != 1 {
		t.Fatalf("nothing of the way up outlived gwe:\n%s", b.Said())
	}
	b.Recover()
	if left := sleeping(); left > 0 {
		t.Error("the first way up still runs")
	}
	if got := database(t, root); got != "01_a 02_b" {
		t.Errorf("the database has %s", got)
	}
}

// sleeping counts the processes of the test that sleep.
func sleeping() (count int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		if text, err := os.ReadFile(line); err == nil && bytes.Equal(text, []byte("sleep\x00"+sleeper+"\x00")) {
			count++
		}
	}
	return count
}
