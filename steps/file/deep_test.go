package file

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/steptest"
)

// TestDeeperThanAnyPath: a tree in which paths have more bytes than the kernel takes in one call is handled
// as any other: do, undo, what a later commit gives up, and a rollback.
func TestDeeperThanAnyPath(t *testing.T) {
	elsewhere, err := os.MkdirTemp("/dev/shm", "deep")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	for name, c := range map[string]struct {
		stepType  step.Type
		arguments func(root string) map[string]any
		// again is true where a second do finds that all is as wanted.
		again bool
	}{
		"copy": {Copy(), func(root string) map[string]any { return map[string]any{"from": root + "/tree", "to": root + "/to"} }, true},
		"copy with a mode": {Copy(), func(root string) map[string]any {
			return map[string]any{"from": root + "/tree", "to": root + "/to", "mode": "g-r"}
		}, true},
		"copy in place": {Copy(), func(root string) map[string]any {
			return map[string]any{"from": root + "/tree", "to": root + "/old", "replace": true}
		}, true},
		"chmod": {Chmod(), func(root string) map[string]any {
			return map[string]any{"path": root + "/tree", "mode": "g-r", "recursive": true}
		}, true},
		"remove": {Remove(), func(root string) map[string]any { return map[string]any{"path": root + "/tree"} }, false},
		"move":   {Move(), func(root string) map[string]any { return map[string]any{"from": root + "/tree", "to": root + "/to"} }, false},
		"move to another file system": {Move(), func(root string) map[string]any {
			return map[string]any{"from": root + "/tree", "to": elsewhere + "/to"}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, end := range []string{"undo", "release", "rollback"} {
				t.Run(end, func(t *testing.T) {
					root := t.TempDir()
					for _, tree := range []string{"/tree", "/old"} {
						must(t, os.Mkdir(root+tree, 0o755))
						steptest.DeepTree(t, root+tree)
					}
					must(t, os.WriteFile(root+"/old/before", nil, 0o644)) // the trees may be alike to the nanosecond
					before := steptest.DeepSnapshot(t, root) + steptest.DeepSnapshot(t, elsewhere)
					arguments := c.arguments(root)
					run := runOf(t)
					_, err := c.stepType.Plan(t.Context(), step.Local{}, arguments)
					must(t, err)
					memo, err := c.stepType.Prepare(t.Context(), run, arguments)
					must(t, err)
					_, err = c.stepType.Do(t.Context(), run, arguments, memo)
					must(t, err)
					must(t, c.stepType.Verify(t.Context(), run, arguments, memo))
					if done := steptest.DeepSnapshot(t, root) + steptest.DeepSnapshot(t, elsewhere); done == before {
						t.Error("nothing was done")
					}
					if c.again {
						plan, err := c.stepType.Plan(t.Context(), step.Local{}, arguments)
						if err != nil || !plan.Nothing {
							t.Errorf("a second time: %+v, %v", plan, err)
						}
					}
					if end == "release" {
						must(t, c.stepType.Release(t.Context(), run, arguments, memo))
						if left := names(t, root, elsewhere); strings.Contains(left, ".gwe-") {
							t.Errorf("it is left: %s", left)
						}
						must(t, errors.Join(os.RemoveAll(elsewhere+"/to")))
						return
					}
					run.AfterCommit = end == "rollback"
					must(t, c.stepType.Undo(t.Context(), run, arguments, memo))
					if after := steptest.DeepSnapshot(t, root) + steptest.DeepSnapshot(t, elsewhere); after != before {
						t.Errorf("after the undo:\n%s\nbefore:\n%s", after, before)
					}
				})
			}
		})
	}
}

func names(t *testing.T, directories ...string) string {
	var all []string
	for _, directory := range directories {
		entries, err := os.ReadDir(directory)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, entry := range entries {
			all = append(all, entry.Name())
		}
	}
	return strings.Join(all, " ")
}
