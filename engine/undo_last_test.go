package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// takeUp is a step type that makes a program take up a file: what the program runs is in RUNS then, and each
// time is counted in calls.
type takeUp struct{}

type takeUpArguments struct {
	File value.Path `name:"file" required:"true" help:"what the program reads"`
	Runs value.Path `name:"runs" required:"true" help:"what the program runs"`
	Fail bool       `name:"fail" help:"the program does not come up, unless it is told last"`
}

func (takeUp) Plan(context.Context, step.Machine, takeUpArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"take up"}, Undo: []string{"take up again"}}, nil
}

func (takeUp) Prepare(context.Context, *step.Run, takeUpArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (t takeUp) Do(ctx context.Context, run *step.Run, a takeUpArguments, _ step.Nothing) (step.Nothing, error) {
	if a.Fail {
		return step.Nothing{}, errors.Join(t.Undo(ctx, run, a, step.Nothing{}), fault.New(fault.Failed, "take-up-failed", "it does not come up"))
	}
	return step.Nothing{}, t.Undo(ctx, run, a, step.Nothing{})
}

func (takeUp) Undo(_ context.Context, _ *step.Run, a takeUpArguments, _ step.Nothing) error {
	content, err := os.ReadFile(string(a.File))
	if errors.Is(err, os.ErrNotExist) {
		content, err = []byte("-"), nil
	}
	return errors.Join(err, os.WriteFile(string(a.Runs), content, 0o644), addLine(filepath.Join(filepath.Dir(string(a.Runs)), "calls"), filepath.Base(string(a.Runs))+" "+string(content)))
}

// lastCatalog has the program as a type that refreshes, and as one whose effects gwe does not know.
func lastCatalog() step.Catalog {
	return append(catalog(),
		step.New(step.About{Name: "refresh", Effects: []step.Effect{{Kind: step.Refreshes}}, Undo: "takes it up again"}, takeUp{}),
		step.New(step.About{Name: "tell", Effects: []step.Effect{{Kind: step.Runs}}}, takeUp{}),
	)
}

func newLastBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.engine.Catalog = lastCatalog()
	b.write("a", "old")
	b.write("runs", "old")
	return b
}

const told = `  - put: {path: D/a, text: new}
  - tell: {file: D/a, runs: D/runs}
    undo-last: [{tell: {file: D/a, runs: D/runs}}]
`

func TestUndoLast(t *testing.T) {
	for name, test := range map[string]struct {
		recipe string
		status engine.Status
		exit   int
		calls  string
	}{
		"a refresh is right by itself": {
			"  - put: {path: D/a, text: new}\n  - refresh: {file: D/a, runs: D/runs}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns old\n",
		},
		"the first recipe": {told + "  - put: {path: D/b, fail: [do]}\n", engine.StatusRestored, 3, "runs new\nruns old\n"},
		"the program itself fails": {
			"  - put: {path: D/a, text: new}\n  - tell: {file: D/a, runs: D/runs, fail: true}\n    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n",
			engine.StatusRestored, 3, "runs new\nruns old\n",
		},
		"on the way forward it does nothing": {told, engine.StatusDone, 0, "runs new\n"},
		"equal ones run once, where the newest stands": {
			told + "  - tell: {file: D/a, runs: D/other}\n    undo-last: [{tell: {file: D/a, runs: D/other}}]\n" + told + "  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nother new\nruns new\nother old\nruns old\n",
		},
		"rounds are equal ones too": {
			"  - for-each: [x, y, z]\n    put: {path: \"D/${{ item }}\"}\n" +
				"  - put: {path: D/a, text: new}\n  - for-each: [x, y, z]\n    tell: {file: D/a, runs: D/runs}\n    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns new\nruns old\n",
		},
		"others run in the order of the way forward": {
			"  - put: {path: D/a, text: new}\n  - refresh: {file: D/a, runs: D/runs}\n  - refresh: {file: D/a, runs: D/other}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nother new\nruns old\nother old\n",
		},
		"a group that may fail is the context": {
			"  - put: {path: D/outer, text: new}\n  - allow-failure: true\n    steps:\n    " + strings.ReplaceAll(strings.TrimRight(told, "\n"), "\n", "\n    ") +
				"\n      - put: {path: D/b, fail: [do]}\n  - tell: {file: D/outer, runs: D/outer.runs}\n    undo: none\n",
			engine.StatusDone, 0, "runs new\nruns old\nouter.runs new\n",
		},
		"a group that is rescued is the context": {
			"  - steps:\n    " + strings.ReplaceAll(strings.TrimRight(told, "\n"), "\n", "\n    ") +
				"\n      - put: {path: D/b, fail: [do]}\n    rescue:\n      - tell: {file: D/a, runs: D/rescued}\n        undo: none\n",
			engine.StatusDone, 0, "runs new\nruns old\nrescued old\n",
		},
		"it runs where an older undo failed, before the failsafe": {
			"  - put: {path: D/z, fail: [undo]}\n" + told + "  - put: {path: D/b, fail: [do]}\nfailsafe:\n  - tell: {file: D/a, runs: D/safe}\n",
			engine.StatusFailsafe, 4, "runs new\nruns old\nsafe old\n",
		},
		"a group was undone alone, and then older changes are": {
			"  - put: {path: D/a, text: new}\n  - allow-failure: true\n    steps:\n      - put: {path: D/c}\n      - tell: {file: D/a, runs: D/runs}\n        undo-last: [{tell: {file: D/a, runs: D/runs}}]\n" +
				"      - put: {path: D/b, fail: [do]}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns old\n",
		},
		"a group with undo-last of its own was undone alone": {
			"  - put: {path: D/a, text: new}\n  - allow-failure: true\n    steps:\n      - tell: {file: D/a, runs: D/runs}\n      - put: {path: D/b, fail: [do]}\n" +
				"    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns old\n",
		},
		"a program was allowed to fail, and then older changes are undone": {
			"  - put: {path: D/a, text: new}\n  - allow-failure: true\n    tell: {file: D/a, runs: D/runs, fail: true}\n    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n" +
				"  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns old\n",
		},
		"a type that refreshes was allowed to fail": {
			"  - put: {path: D/a, text: new}\n  - allow-failure: true\n    refresh: {file: D/a, runs: D/runs, fail: true}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns old\n",
		},
		"a group was tried again in vain": {
			"  - put: {path: D/a, text: new}\n  - retry: {attempts: 2}\n    steps:\n      - put: {path: D/once}\n      - tell: {file: D/a, runs: D/runs}\n        undo-last: [{tell: {file: D/a, runs: D/runs}}]\n" +
				"      - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns new\nruns old\n",
		},
		"a group was rescued, and then older changes are undone": {
			"  - put: {path: D/a, text: new}\n  - steps:\n      - tell: {file: D/a, runs: D/runs}\n        undo-last: [{tell: {file: D/a, runs: D/runs}}]\n      - put: {path: D/b, fail: [do]}\n    rescue:\n      - put: {path: D/c}\n" +
				"  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns new\nruns old\n",
		},
		"where nothing older stands it is told once": {
			"  - tell: {file: D/a, runs: D/none}\n    undo: none\n  - allow-failure: true\n    steps:\n      - put: {path: D/a, text: new}\n      - tell: {file: D/a, runs: D/runs}\n        undo-last: [{tell: {file: D/a, runs: D/runs}}]\n" +
				"      - put: {path: D/b, fail: [do]}\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "none old\nruns new\nruns old\n",
		},
		"of a group": {
			"  - steps:\n      - put: {path: D/a, text: new}\n      - tell: {file: D/a, runs: D/runs}\n    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns old\n",
		},
		"a guard decides": {
			"  - put: {path: D/a, text: new}\n  - tell: {file: D/a, runs: D/runs}\n    undo-last: [{when: \"false\", tell: {file: D/a, runs: D/runs}}, {tell: {file: D/a, runs: D/other}}]\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nother old\n",
		},
		"it reads what steps left that are undone by then": {
			"  - id: one\n    put: {path: D/a, text: new}\n  - tell: {file: D/a, runs: D/runs}\n    undo-last: [{tell: {file: D/a, runs: \"D/runs-${{ steps.one.text }}\"}}]\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns-new old\n",
		},
		"of used recipes": {
			"  - use: ./inner.yaml\n  - put: {path: D/b, fail: [do]}\n", engine.StatusRestored, 3, "runs new\nruns old\n",
		},
		"after the commit": {
			"  - put: {path: D/z}\n  - commit: in\n" + told + "  - put: {path: D/b, fail: [do]}\n", engine.StatusCommitted, 7, "runs new\nruns old\n",
		},
		"its failure is one of the undo": {
			"  - put: {path: D/a, text: new}\n  - tell: {file: D/a, runs: D/runs}\n    undo-last: [{tell: {file: D/a, runs: D/runs, fail: true}}]\n  - put: {path: D/b, fail: [do]}\n",
			engine.StatusBroken, 5, "runs new\nruns old\n",
		},
		"between attempts": {
			"  - retry: {attempts: 2}\n    steps:\n    " + strings.ReplaceAll(strings.TrimRight(told, "\n"), "\n", "\n    ") + "\n      - put: {path: D/b, fail: [do]}\n",
			engine.StatusRestored, 3, "runs new\nruns old\nruns new\nruns old\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLastBench(t)
			b.write("inner.yaml", strings.ReplaceAll("gwe: 1\nname: inner\nsteps:\n"+told, "D/", b.directory+"/"))
			b.wantStatus(b.run("steps:\n"+test.recipe), test.status, test.exit)
			b.wantFile("calls", test.calls)
			if test.exit == 3 {
				b.wantFile("a", "old")
			}
		})
	}
}

// TestUndoLastSurvivesKills: whenever gwe dies, in the run or in the recoveries after it, in the end the old
// file is there and the program runs it, where the program ran the new one before.
func TestUndoLastSurvivesKills(t *testing.T) {
	for name, steps := range map[string]string{
		"of the run": "  - put: {path: D/z}\n" + told + "  - refresh: {file: D/a, runs: D/other}\n  - put: {path: D/b, fail: [do]}\n",
		"of a group that is undone alone": "  - put: {path: D/z}\n  - put: {path: D/a, text: new}\n  - allow-failure: true\n    steps:\n      - put: {path: D/c}\n" +
			"      - tell: {file: D/a, runs: D/runs}\n        undo-last: [{tell: {file: D/a, runs: D/runs}}]\n      - refresh: {file: D/a, runs: D/other}\n" +
			"      - put: {path: D/b, fail: [do]}\n  - put: {path: D/b, fail: [do]}\n",
		"of a step that is undone alone": "  - put: {path: D/z}\n  - put: {path: D/a, text: new}\n  - refresh: {file: D/a, runs: D/other}\n" +
			"  - allow-failure: true\n    tell: {file: D/a, runs: D/runs, fail: true}\n    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n  - put: {path: D/b, fail: [do]}\n",
	} {
		t.Run(name, func(t *testing.T) { undoLastSurvivesKills(t, "steps:\n"+steps) })
	}
}

func undoLastSurvivesKills(t *testing.T, recipe string) {
	for first := 1; ; first++ {
		b := newLastBench(t)
		b.write("other", "old")
		program := b.load(recipe)
		if !b.killAt(moment{record: first}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
			if first < 10 {
				t.Fatalf("the run has only %d records", first)
			}
			break
		}
		for second := 1; ; second++ {
			if !b.killAt(moment{record: second}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) }) {
				break
			}
		}
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			b.T = t
			b.wantFile("a", "old")
			b.wantFile("runs", "old")
			b.wantFile("other", "old")
			b.wantFile("z", "-")
		})
	}
}

func TestUndoLastInARollback(t *testing.T) {
	b := newLastBench(t)
	b.wantStatus(b.run("steps:\n"+told+"  - refresh: {file: D/a, runs: D/other}\n  - commit: in\n"), engine.StatusDone, 0)
	plan, err := b.engine.PlanRollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, one := range plan.Undone {
		order = append(order, fmt.Sprint(one.Name, " ", one.Last))
	}
	if got := strings.Join(order, ", "); got != "put false, tell true, refresh true" {
		t.Errorf("the plan of the rollback: %s", got)
	}
	result, err := b.engine.Rollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantFile("a", "old")
	b.wantFile("calls", "runs new\nother new\nruns old\nother old\n")
}

// What was told while the changes before the commit stood must be told again when these are undone by hand.
func TestUndoLastAfterTheCommitIsOwedToARollback(t *testing.T) {
	for name, failing := range map[string]string{
		"the steps after it are undone": "  - put: {path: D/b, fail: [do]}\n",
		"a group is undone alone":       "",
	} {
		t.Run(name, func(t *testing.T) {
			b := newLastBench(t)
			steps, exit, status := "  - put: {path: D/c}\n  - tell: {file: D/a, runs: D/runs}\n    undo-last: [{tell: {file: D/a, runs: D/runs}}]\n"+failing, 7, engine.StatusCommitted
			if failing == "" {
				steps = "  - allow-failure: true\n    steps:\n    " + strings.ReplaceAll(steps, "\n", "\n    ") + "  - put: {path: D/b, fail: [do]}\n"
				exit, status = 0, engine.StatusDone
			}
			b.wantStatus(b.run("steps:\n  - put: {path: D/a, text: new}\n  - commit: in\n"+steps), status, exit)
			b.wantFile("calls", "runs new\nruns new\n")
			plan, err := b.engine.PlanRollback(context.Background(), "")
			if err != nil || len(plan.Undone) != 2 || !plan.Undone[1].Last {
				t.Errorf("the plan of the rollback: %+v, %v", plan.Undone, err)
			}
			result, err := b.engine.Rollback(context.Background(), "")
			if err != nil {
				t.Fatal(err)
			}
			b.wantStatus(result, engine.StatusRolledBack, 0)
			b.wantFile("calls", "runs new\nruns new\nruns old\n")
		})
	}
}

// Early in a boot the programs are not there: they are told by the recovery after them.
func TestUndoLastWaitsForServices(t *testing.T) {
	b := newLastBench(t)
	program := b.load("steps:\n" + told + "  - refresh: {file: D/a, runs: D/other}\n  - put: {path: D/b, text: new}\n  - put: {path: D/c}\n")
	if !b.killAt(moment{record: 8}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
		t.Fatal("the run did not die")
	}
	b.engine.Early = true
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusSuspended {
		t.Fatalf("early: %+v, %v", results, err)
	}
	b.wantFile("a", "old")
	b.wantFile("runs", "new")
	b.engine.Early = false
	results, err = b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusRestored {
		t.Fatalf("late: %+v, %v", results, err)
	}
	b.wantFile("calls", "runs new\nother new\nruns old\nother old\n")
}

func TestAPlanShowsWhatRunsLast(t *testing.T) {
	b := newLastBench(t)
	plan, err := b.engine.Plan(context.Background(), b.load("steps:\n"+told+"  - refresh: {file: D/a, runs: D/runs}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"[take D/a back] []", "[take up again] [take up]", "[] [take up again]"} {
		want = strings.ReplaceAll(want, "D/", b.directory+"/")
		if got := fmt.Sprint(plan.Steps[i].Undo, " ", plan.Steps[i].UndoLast); got != want {
			t.Errorf("step %d: %s, want %s", i, got, want)
		}
	}
}

// A step that only looks stands in no rollback's way.
func TestEffectsNone(t *testing.T) {
	b := newLastBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a, text: new}\n  - tell: {file: D/a, runs: D/looked}\n    effects: none\n  - commit: in\n"), engine.StatusDone, 0)
	result, err := b.engine.Rollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantFile("a", "old")
	b.wantFile("calls", "looked new\n")
}
