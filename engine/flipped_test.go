package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine"
)

// TestAFlippedBitInAnEndedRun: wherever a bit of the journal of a run flips that had ended, in whatever way,
// no other run is kept from beginning, from being recovered or from being rolled back, and the machine stays
// as it is.
func TestAFlippedBitInAnEndedRun(t *testing.T) {
	for name, fail := range map[string]string{"committed": "", "restored": "do", "rolled back by hand": "", "after the commit": "late"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			recipe := func(lock, fail string) *engine.Program {
				late := ""
				if fail == "late" {
					fail, late = "", "do"
				}
				return b.load(fmt.Sprintf(`
lock: D/%[1]s
steps:
  - put: {path: D/%[1]s/first, text: new}
  - put: {path: D/%[1]s/second, fail: [%[2]s]}
  - commit: there
  - put: {path: D/%[1]s/late, fail: [%[3]s]}
`, lock, fail, late))
			}
			for _, lock := range []string{"one", "two"} {
				if err := os.Mkdir(filepath.Join(b.directory, lock), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			one, two := recipe("one", fail), recipe("two", "")
			if _, err := b.engine.Run(context.Background(), one, nil); err != nil {
				t.Fatal(err)
			}
			list, err := b.engine.State.List()
			if err != nil {
				t.Fatal(err)
			}
			damaged, ended := list[0].Run, list[0].Status
			if name == "rolled back by hand" {
				if _, err := b.engine.Rollback(context.Background(), damaged); err != nil {
					t.Fatal(err)
				}
				ended = engine.StatusRolledBack
			}
			if _, err := b.engine.Run(context.Background(), two, nil); err != nil {
				t.Fatal(err)
			}
			b.eachFlip(damaged, func(at int) {
				if _, err := b.engine.Recover(context.Background()); err != nil {
					t.Fatalf("byte %d: recover: %v", at, err)
				}
				list, err := b.engine.State.List()
				if err != nil || len(list) != 2 || list[1].Status != engine.StatusDone || !list[1].Standing {
					t.Fatalf("byte %d: %+v, %v", at, list, err)
				}
				if now := list[0]; now.Status != ended && (now.Status != engine.StatusDamaged || now.Blocks || now.Code == "") {
					t.Fatalf("byte %d: the damaged run is %+v, and it was %s", at, now, ended)
				}
				if _, err := b.engine.PlanRollback(context.Background(), list[1].Run); err != nil {
					t.Fatalf("byte %d: rollback: %v", at, err)
				}
				result, err := b.engine.Run(context.Background(), two, nil)
				if err != nil || result.Status != engine.StatusDone {
					t.Fatalf("byte %d: run: %+v, %v", at, result, err)
				}
				if _, err := b.engine.Rollback(context.Background(), result.Run); err != nil {
					t.Fatalf("byte %d: rollback: %v", at, err)
				}
			})
		})
	}
}

// eachFlip flips a bit of the run's journal, at a sample of all places, each time in a state directory as it
// is now.
func (b *bench) eachFlip(run string, try func(at int)) {
	b.Helper()
	whole := b.engine.State.Directory
	path := filepath.Join("runs", run, "journal")
	text, err := os.ReadFile(filepath.Join(whole, path))
	if err != nil {
		b.Fatal(err)
	}
	step := max(1, len(text)/12)
	for at := 0; at < len(text); at += step {
		if text[at] == 0 {
			break // space that was reserved
		}
		b.engine.State.Directory = filepath.Join(b.TempDir(), "state")
		if err := os.CopyFS(b.engine.State.Directory, os.DirFS(whole)); err != nil {
			b.Fatal(err)
		}
		flipped := []byte(string(text))
		flipped[at] ^= 1 << (at % 8)
		if err := os.WriteFile(filepath.Join(b.engine.State.Directory, path), flipped, 0o600); err != nil {
			b.Fatal(err)
		}
		try(at)
		_ = os.RemoveAll(b.engine.State.Directory)
	}
	b.engine.State.Directory = whole
}
