package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/journal"
)

// update changes three files, commits, and tidies up. Its undo leaves marks that may be doubled but not
// missing.
const updating = `
steps:
  - put: {path: D/a, text: new}
  - id: seen
    look: {path: D/a}
  - put: {path: D/b, text: "${{ steps.seen.found }}"}
    undo: [{note: {file: D/marks, line: b}}]
  - put: {path: D/c, text: new}
    allow-failure: true
%s
  - commit: in place
  - put: {path: D/tail, text: new}
finally:
  - put: {path: D/end}
`

func (b *bench) oldOrNew() (old, new bool) {
	content := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(b.directory, name))
		return string(text)
	}
	state := content("a") + "," + content("b") + "," + content("c")
	return state == "old,,old", state == "new,true,new"
}

// moment is when gwe dies: right before or right after a record of the journal, by a kill or by a power cut.
type moment struct {
	record int
	before bool
	power  bool
}

// killAt lets gwe die; it reports whether the moment came.
func (b *bench) killAt(when moment, act func(*engine.Engine)) (died bool) {
	count := 0
	mortal := *b.engine
	mortal.Journals = func(w journal.Writer) journal.Writer {
		if when.power {
			w = &lossy{Writer: w}
		}
		return &dying{Writer: w, count: &count, at: when.record, before: when.before}
	}
	defer func() {
		switch thrown := recover(); thrown.(type) {
		case nil:
		case death:
			died = true
		default:
			panic(thrown)
		}
	}()
	act(&mortal)
	return false
}

func TestKillAtEveryRecordEndsOldOrNew(t *testing.T) {
	for _, failing := range []bool{false, true} {
		for _, before := range []bool{true, false} {
			for _, power := range []bool{true, false} {
				for record := 1; killOnce(t, failing, moment{record, before, power}); record++ {
				}
			}
		}
	}
}

// killOnce reports whether the moment came.
func killOnce(t *testing.T, failing bool, when moment) (died bool) {
	b := newBench(t)
	b.write("a", "old")
	b.write("c", "old")
	extra := ""
	if failing {
		extra = "  - put: {path: D/d, fail: [do]}\n"
	}
	program := b.load(fmt.Sprintf(updating, extra))
	died = b.killAt(when, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	results, err := b.engine.Recover(context.Background())
	if err != nil {
		t.Fatalf("%+v, failing %v: recovery: %v", when, failing, err)
	}
	for _, result := range results {
		if result.Status == engine.StatusBroken || len(result.Others) > 0 {
			t.Errorf("%+v, failing %v: %s, %v", when, failing, result.Status, result.Others)
		}
	}
	old, new := b.oldOrNew()
	if old == new {
		t.Errorf("%+v, failing %v: neither old nor new", when, failing)
	}
	if failing && !old {
		t.Errorf("%+v, failing: not rolled back", when)
	}
	b.wantSettled()
	// The state takes another run at once.
	b.wantStatus(b.run("steps:\n  - put: {path: D/next}\n"), engine.StatusDone, 0)
	return died
}

func TestKillAtEveryRecordOfRecovery(t *testing.T) {
	for record := 1; ; record++ {
		b := newBench(t)
		b.write("a", "old")
		b.write("c", "old")
		program := b.load(fmt.Sprintf(updating, ""))
		b.killAt(moment{record: 8}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
		died := b.killAt(moment{record: record}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) })
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
		if old, _ := b.oldOrNew(); !old {
			t.Errorf("killed at record %d of recovery: not rolled back", record)
		}
		b.wantSettled()
		if !died {
			return
		}
	}
}

// wantSettled checks that nothing is pending and no temporary file is left.
func (b *bench) wantSettled() {
	b.Helper()
	list, err := b.engine.State.List()
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range list {
		if one.Status == engine.StatusPending || one.Status == engine.StatusDamaged {
			b.Errorf("run %s is %s", one.Run, one.Status)
		}
	}
	stray, _ := filepath.Glob(filepath.Join(b.directory, ".gwe-*"))
	if len(stray) > 0 {
		b.Errorf("left behind: %v", stray)
	}
}

func TestRecoveryRunsTheFrozenRecipe(t *testing.T) {
	b := newBench(t)
	b.write("a", "old")
	file := filepath.Join(b.directory, "recipe.yaml")
	source := strings.ReplaceAll("gwe: 1\nname: frozen\nsteps:\n  - put: {path: D/a, text: new}\n    undo: [{note: {file: D/marks, line: frozen}}]\n  - put: {path: D/b}\n", "D/", b.directory+"/")
	b.write("recipe.yaml", source)
	program, _ := engine.LoadUnproven(directory(b.directory), file, []byte(source), b.engine.Catalog)
	b.killAt(moment{record: 4}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	b.write("recipe.yaml", "not even YAML: [")
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusRestored {
		t.Fatalf("recovered %v, %v", results, err)
	}
	b.wantFile("a", "old")
	b.wantFile("marks", "frozen\n")
}

func TestLeftoversAreTriedAgain(t *testing.T) {
	b := newBench(t)
	b.run("steps:\n  - put: {path: D/a, fail: [leftover]}\n  - put: {path: D/b, fail: [do]}\n")
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.write("a.heal", "")
	b.write("a", "a crumb")
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "-")
	b.write("a", "not ours")
	if _, err := b.engine.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.wantFile("a", "not ours")
}

func TestADamagedJournalIsNamedAndStopsTheNextRun(t *testing.T) {
	b := newBench(t)
	program := b.load(fmt.Sprintf(updating, ""))
	b.killAt(moment{record: 8}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	files, _ := filepath.Glob(filepath.Join(b.engine.State.Directory, "runs", "*", "journal"))
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(files[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Run(context.Background(), program, nil); err == nil || !strings.Contains(err.Error(), "journal") {
		t.Errorf("the next run began in spite of a damaged journal: %v", err)
	}
	list, err := b.engine.State.List()
	if err != nil || len(list) != 1 || list[0].Status != engine.StatusDamaged {
		t.Errorf("listed as %v, %v", list, err)
	}
}

// TestRecoveryOfNothing: where no run ever began, a recovery needs no lock, for which a full disk may have no
// room.
func TestRecoveryOfNothing(t *testing.T) {
	b := newBench(t)
	if err := os.MkdirAll(filepath.Join(b.engine.State.Directory, "runs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.engine.State.Directory, "lock"), 0o700); err != nil { // no lock can be made
		t.Fatal(err)
	}
	if results, err := b.engine.Recover(t.Context()); err != nil || len(results) > 0 {
		t.Errorf("recovery: %v, %v", results, err)
	}
}
