package migration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// sleeper is the argument by which the test knows the process again.
const sleeper = "37.0625"

// slowUp is a way up that takes long when it is run for the first time.
const slowUp = `#!/bin/sh
[ -e ../slept ] || { touch ../slept; exec sleep ` + sleeper + `; }
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

// TestRollbackDoesNotMeetItself: where gwe dies while the way up runs, recovery ends that before it goes the way up again.
// Two of them at once would break the database.
func TestRollbackDoesNotMeetItself(t *testing.T) {
	recipe := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(recipe, []byte(survivorRecipe), 0o644); err != nil {
		t.Fatal(err)
	}
	for record := 1; ; record++ {
		b, root := recipetest.New(t, catalog()), t.TempDir()
		arrange(t, root, "01_a 02_b", "01_a")
		if err := os.WriteFile(root+"/old/up", []byte(slowUp), 0o755); err != nil {
			t.Fatal(err)
		}
		died, _ := b.Kill(record, true, recipe, map[string]string{"root": root})
		if !died {
			t.Fatal("the way up was never reached")
		}
		slept := false
		if strings.Contains(b.Said(), "going forward again") {
			for deadline := time.Now().Add(2 * time.Second); !slept && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
				slept = sleeping(t) > 0
			}
		}
		if err := os.WriteFile(root+"/slept", nil, 0o644); err != nil { // the way up of a recovery is never the slow one
			t.Fatal(err)
		}
		b.Recover()
		if left := sleeping(t); left > 0 {
			t.Fatalf("record %d: the first way up still runs", record)
		}
		if got := database(t, root); got != "01_a 02_b" {
			t.Fatalf("record %d: the database has %s", record, got)
		}
		if slept {
			return
		}
	}
}

// sleeping counts the processes of the test that sleep.
func sleeping(t *testing.T) (count int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if text, err := os.ReadFile(line); err == nil && bytes.Contains(text, []byte(sleeper)) {
			count++
		}
	}
	return count
}
