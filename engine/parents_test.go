package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// stranger is a user who is neither root nor the one that runs the tests.
const stranger = 65534

// linked makes r1, r2, current -> r1 and via -> current.
func linked(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	for _, name := range []string{"r1/below", "r2/below"} {
		if err := os.MkdirAll(filepath.Join(b.directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.link("r1", "current")
	b.link("current", "via")
	return b
}

func (b *bench) link(text, name string) {
	b.Helper()
	path := filepath.Join(b.directory, name)
	_ = os.Remove(path)
	if err := os.Symlink(text, path); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) must(errs ...error) {
	b.Helper()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
}

func hasCode(err error, code string) bool {
	for found := fault.As(err); found != nil; found = fault.As(errors.Unwrap(found)) {
		if found.Code == code {
			return true
		}
	}
	return false
}

// Two branches that change one file by different paths, or one of them a link in the other's way, are refused
// before the second acts. Validation cannot see that: the links are those of the machine.
func TestBranchesThatMeet(t *testing.T) {
	for name, second := range map[string]string{
		"one file by two links":      "D/via/conf",
		"a link in the other's way":  "D/current",
		"a link further up the way":  "D/via",
		"the other lies in this one": "D/r1",
	} {
		t.Run(name, func(t *testing.T) {
			b := linked(t)
			result := b.run(`steps:
  - parallel:
      - note: {file: D/via/conf, line: one}
        undo: none
      - note: {file: ` + second + `, line: two}
        undo: none
    limit: 1
`)
			if !hasCode(result.Err, "paths-meet") {
				t.Errorf("%v", result.Err)
			}
		})
	}
	t.Run("neighbours do not meet", func(t *testing.T) {
		b := linked(t)
		b.wantStatus(b.run(`steps:
  - parallel:
      - note: {file: D/via/one, line: one}
        undo: none
      - note: {file: D/current/two, line: two}
        undo: none
`), engine.StatusDone, 0)
	})
}

// A rollback by hand finds that the directory of a step is another one by now, before it touches anything.
func TestRollbackThroughAChangedLink(t *testing.T) {
	b := linked(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/via/conf, text: new}\n"), engine.StatusDone, 0)
	b.link("r2", "current")
	if _, err := b.engine.Rollback(context.Background(), ""); !hasCode(err, "parent-changed") {
		t.Fatalf("%v", err)
	}
	b.wantFile("r1/conf", "new")
	b.link("r1", "current")
	if _, err := b.engine.Rollback(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	b.wantFile("r1/conf", "-")
}

// movedMeanwhile is a step type whose directory is swapped while the rollback looks at what would stay, after
// it has looked at all else.
type movedMeanwhile struct {
	step.Type
	swap func()
}

func (m movedMeanwhile) Keeps(_ context.Context, run *step.Run, arguments map[string]any, _ json.RawMessage) (step.Keeping, error) {
	m.swap()
	dir, _, err := run.Dir(fmt.Sprint(arguments["path"]))
	dir.Close()
	return step.Keeping{}, err
}

// A directory that is swapped in the midst of the look before a rollback is a refusal like any other: nothing
// was undone.
func TestRollbackWhoseDirectoryIsSwappedMeanwhile(t *testing.T) {
	b := linked(t)
	catalog, swaps := slices.Clone(b.engine.Catalog), false
	for i, kind := range catalog {
		if kind.About().Name == "put" {
			catalog[i] = movedMeanwhile{kind, func() {
				if swaps {
					b.must(os.Rename(b.directory+"/r1", b.directory+"/away"), os.Mkdir(b.directory+"/r1", 0o755))
				}
			}}
		}
	}
	b.engine.Catalog = catalog
	b.wantStatus(b.run("steps:\n  - put: {path: D/via/conf, text: new}\n"), engine.StatusDone, 0)
	swaps = true
	for name, look := range map[string]func() error{
		"plan":     func() error { _, err := b.engine.PlanRollback(context.Background(), ""); return err },
		"rollback": func() error { _, err := b.engine.Rollback(context.Background(), ""); return err },
	} {
		err := look()
		b.must(os.Remove(b.directory+"/r1"), os.Rename(b.directory+"/away", b.directory+"/r1"))
		if found := fault.As(err); !hasCode(err, "parent-changed") || found.Class != fault.Refused || !strings.Contains(found.Hint, "move the directory back") {
			t.Errorf("%s: %#v", name, found)
		}
	}
	b.wantFile("r1/conf", "new")
}

// A link by which a less trusted user could lead gwe elsewhere is refused before the first step acts.
func TestUnsafeLinkIsRefusedBeforeTheRun(t *testing.T) {
	need.Root(t, "it gives a directory to somebody else")
	b := linked(t)
	if err := os.Chmod(b.directory, 0o755); err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(b.directory, "theirs")
	if err := errors.Join(os.Mkdir(theirs, 0o755), os.Symlink("../r1", theirs+"/link"), os.Chown(theirs, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	program := b.load("steps:\n  - put: {path: D/first, text: new}\n  - put: {path: D/theirs/link/conf, text: new}\n")
	plan, err := b.engine.Plan(context.Background(), program, nil)
	if err != nil || len(plan.Refusals) != 1 || plan.Refusals[0].Code != "unsafe-link" {
		t.Errorf("%v %+v", err, plan.Refusals)
	}
	result, err := b.engine.Run(context.Background(), program, nil)
	if err == nil {
		err = result.Err
	}
	if !hasCode(err, "unsafe-link") {
		t.Errorf("%v", err)
	}
	b.wantFile("first", "-")
	b.wantFile("r1/conf", "-")
}
