package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// TestWhatTheJournalDoesNotKnow: what a run left without a record is named, and nobody is told that all was
// rolled back.
func TestWhatTheJournalDoesNotKnow(t *testing.T) {
	for name, test := range map[string]struct {
		left func(b *bench, run string) []string
		lost bool
	}{
		"nothing": {func(*bench, string) []string { return nil }, false},
		"one step that was about to begin": {func(b *bench, run string) []string {
			return []string{filepath.Join(b.engine.State.Directory, "runs", run, "frames", "3")}
		}, false},
		"saved data of several steps": {func(b *bench, run string) (paths []string) {
			for n := 3; n < 5; n++ {
				paths = append(paths, filepath.Join(b.engine.State.Directory, "runs", run, "frames", fmt.Sprint(n)))
			}
			return paths
		}, true},
		"a hidden name beside a step's path": {func(b *bench, run string) []string {
			return []string{filepath.Join(b.directory, "sub", ".gwe-old-"+run+"-file")}
		}, true},
		"a hidden name beside the path of a step without a record": {func(b *bench, run string) []string {
			return []string{filepath.Join(b.directory, "later", ".gwe-new-"+run+"-file")}
		}, true},
		"a hidden name of another run": {func(b *bench, run string) []string {
			return []string{filepath.Join(b.directory, "sub", ".gwe-old-20200101-000000.000-file")}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, directory := range []string{"sub", "later"} {
				must(t, os.Mkdir(filepath.Join(b.directory, directory), 0o755))
			}
			run := b.killBeforeCommit(b.load(`
steps:
  - put: {path: D/sub/file}
  - put: {path: D/sub/other}
  - commit: there
  - put: {path: D/later/file}
`))
			left := test.left(b, run)
			for _, path := range left {
				must(t, os.Mkdir(path, 0o700))
			}
			told := &recorder{}
			b.engine.Sink = told
			results, err := b.engine.Recover(context.Background())
			if err != nil || len(results) != 1 {
				t.Fatalf("%+v, %v", results, err)
			}
			want := engine.StatusRestored
			if test.lost {
				want = engine.StatusBroken
			}
			if results[0].Status != want {
				t.Errorf("it ended as %s", results[0].Status)
			}
			if _, err := os.Stat(filepath.Join(b.directory, "sub", "file")); err == nil {
				t.Error("what the journal knows was not undone")
			}
			if !test.lost {
				return
			}
			if len(results[0].Others) != 1 || fault.As(results[0].Others[0]).Code != "records-lost" {
				t.Fatalf("%v", results[0].Others)
			}
			overview, err := b.engine.Overview(context.Background())
			if err != nil || len(overview.Broken) != 1 {
				t.Fatalf("%+v, %v", overview, err)
			}
			for _, path := range left {
				if !strings.Contains(overview.Broken[0].Error, path) {
					t.Errorf("the status does not name %s: %s", path, overview.Broken[0].Error)
				}
				if !slices.ContainsFunc(told.events, func(event tasklog.Event) bool { return strings.Contains(event.Error, path) && event.Hint != "" }) {
					t.Errorf("the log does not name %s", path)
				}
				if !strings.Contains(results[0].Others[0].Error(), path) {
					t.Errorf("%s is not named: %v", path, results[0].Others[0])
				}
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
