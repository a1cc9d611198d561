package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// damages are what happens to a file that a step saved.
var damages = map[string]struct {
	harm func(directory string) error
	says string
}{
	"a flipped bit": {func(directory string) error {
		return os.WriteFile(filepath.Join(directory, "saved"), []byte("y"), 0o600)
	}, "was changed"},
	"cut off":     {func(directory string) error { return os.Truncate(filepath.Join(directory, "saved"), 0) }, "was changed"},
	"removed":     {func(directory string) error { return os.Remove(filepath.Join(directory, "saved")) }, "is missing"},
	"all removed": {os.RemoveAll, "is missing"},
	"a link": {func(directory string) error {
		path := filepath.Join(directory, "saved")
		if err := os.Rename(path, path+".else"); err != nil {
			return err
		}
		return os.Symlink("saved.else", path)
	}, "was changed"},
	"one more file": {func(directory string) error { return os.WriteFile(filepath.Join(directory, "made"), nil, 0o600) }, "is not known"},
}

// TestUndoDataThatWasChanged: nothing is undone by it, neither after a crash nor by hand, the file is named,
// and once it is as it was, the undo comes to its end.
func TestUndoDataThatWasChanged(t *testing.T) {
	for name, damage := range damages {
		for _, committed := range []bool{false, true} {
			way := " after a crash"
			if committed {
				way = " after the commit"
			}
			t.Run(name+way, func(t *testing.T) {
				b := newBench(t)
				program := b.load(`
steps:
  - put: {path: D/file, fail: [save]}
  - put: {path: D/other}
  - commit: there
`)
				run := ""
				if committed {
					result, err := b.engine.Run(context.Background(), program, nil)
					if err != nil || result.Status != engine.StatusDone {
						t.Fatalf("%+v, %v", result, err)
					}
					run = result.Run
				} else {
					run = b.killBeforeCommit(program)
				}
				directory := filepath.Join(b.engine.State.Directory, "runs", run, "frames", "1")
				aside := filepath.Join(t.TempDir(), "aside")
				must(t, os.CopyFS(aside, os.DirFS(directory)))
				must(t, damage.harm(directory))
				want := filepath.Join(directory, "saved")
				if name == "one more file" {
					want = filepath.Join(directory, "made")
				}
				undo := func() error {
					if committed {
						_, err := b.engine.Rollback(context.Background(), run)
						return err
					}
					results, err := b.engine.Recover(context.Background())
					if err == nil && len(results) == 1 {
						err = results[0].Err
						if results[0].Status != engine.StatusBroken && results[0].Status != engine.StatusRestored {
							t.Errorf("it ended as %s", results[0].Status)
						}
					}
					return err
				}
				for range 2 {
					err := undo()
					if found := fault.As(err); found == nil || found.Code != "undo-data-damaged" || !strings.Contains(err.Error(), want+" "+damage.says) {
						t.Errorf("got %v", err)
					}
					for _, file := range []string{"file", "other"} {
						if _, err := os.Stat(filepath.Join(b.directory, file)); err != nil {
							t.Errorf("%s was undone: %v", file, err)
						}
					}
				}
				must(t, os.RemoveAll(directory))
				must(t, os.CopyFS(directory, os.DirFS(aside)))
				if err := undo(); err != nil && fault.As(err).Code != "run-died" {
					t.Error(err)
				}
				for _, file := range []string{"file", "other"} {
					if _, err := os.Stat(filepath.Join(b.directory, file)); err == nil {
						t.Errorf("%s is still there", file)
					}
				}
			})
		}
	}
}

// TestUndoDataOfANewerVersion: a gwe that does not know the version leaves the run as it is, and names the
// gwe that finishes it.
func TestUndoDataOfANewerVersion(t *testing.T) {
	b := newBench(t)
	current := b.engine.Catalog
	b.engine.Catalog = step.Catalog{}
	for _, one := range current {
		if one.About().Name == "put" {
			one = newer{one}
		}
		b.engine.Catalog = append(b.engine.Catalog, one)
	}
	program := b.load(`
steps:
  - put: {path: D/file}
  - put: {path: D/other}
  - commit: there
`)
	b.engine.Version = "1.0"
	b.killBeforeCommit(program)
	b.engine.Catalog, b.engine.Version = current, "0.9"
	for range 2 { // the first recovery writes down which gwe it was
		results, err := b.engine.Recover(context.Background())
		if err != nil || len(results) != 1 || results[0].Status != engine.StatusBroken {
			t.Fatalf("%+v, %v", results, err)
		}
		if found := fault.As(results[0].Err); found.Code != "undo-data-version" || !strings.Contains(found.Hint, "gwe that wrote it (1.0)") {
			t.Errorf("%v: %s", results[0].Err, found.Hint)
		}
	}
	if _, err := os.Stat(filepath.Join(b.directory, "file")); err != nil {
		t.Error("it was undone")
	}
	b.engine.Catalog = step.Catalog{newer{find(t, current, "put")}}
	if results, err := b.engine.Recover(context.Background()); err != nil || len(results) != 1 || results[0].Status != engine.StatusRestored {
		t.Errorf("%+v, %v", results, err)
	}
}

// killBeforeCommit leaves a dead run of two steps, both of which ended well, and gives its id.
func (b *bench) killBeforeCommit(program *engine.Program) string {
	b.Helper()
	if !b.killAt(moment{record: 6, before: true}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
		b.Fatal("the run did not die")
	}
	runs, err := b.engine.State.Runs()
	if err != nil || len(runs) != 1 {
		b.Fatalf("%v, %v", runs, err)
	}
	return runs[0]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newer is a step type of a later gwe.
type newer struct{ step.Type }

func (n newer) About() step.About {
	about := n.Type.About()
	about.UndoData = 2
	return about
}

func find(t *testing.T, catalog step.Catalog, name string) step.Type {
	t.Helper()
	found, ok := catalog.Find(name)
	if !ok {
		t.Fatal("there is no " + name)
	}
	return found
}
