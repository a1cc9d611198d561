package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/durable/durabletest"
)

// The state lies on a disk of its own, which forgets all that was not synced; what steps did elsewhere stays.
// So whatever recovery needs must have been durable before the step that needs it to be undone.
func TestThePowerFailsUnderTheState(t *testing.T) {
	disk := durabletest.NewDisk(t, 16)
	for record := 2; ; record++ { // record 1 is the beginning, before anything was done
		b := newBench(t)
		b.engine.State.Directory = filepath.Join(disk.Directory, fmt.Sprint(record), "deep", "state")
		b.write("a", "old")
		program := b.load(withToken + "steps:\n  - put: {path: D/a, text: new, fail: [save], token: \"${{ inputs.token }}\"}\n  - put: {path: D/b, fail: [save]}\n")
		died := b.killAt(moment{record: record}, func(e *engine.Engine) {
			_, _ = e.Run(context.Background(), program, engine.Inputs{"token": {Value: theSecret}})
		})
		disk.Cut()
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatalf("record %d: %v", record, err)
		}
		if died {
			// Nothing was committed: the silent commit is the last but one record.
			list, err := b.engine.State.List()
			if err != nil {
				t.Fatal(err)
			}
			if len(list) > 0 && list[0].Status == engine.StatusDone {
				break
			}
			b.wantFile("a", "old")
			b.wantFile("b", "-")
			b.wantFile("a.token", "-")
		}
		if !died {
			t.Fatal("the run never came to its commit")
		}
	}
}
