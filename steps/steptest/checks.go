package steptest

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// checkPlan: a plan is a reader, and foresees whether there is anything to do.
func checkPlan(t testing.TB, suite Suite) {
	s := arrange(t, suite)
	watch := watchChildren(t)
	plan, err := suite.Type.Plan(t.Context(), step.Local{}, s.arguments)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	watch.nothingRan(t)
	s.same("after plan", s.before, exactness{inodes: true})
	if acts(suite) && plan.Nothing != suite.Idle {
		t.Errorf("the plan's Nothing is %v, the suite's Idle %v", plan.Nothing, suite.Idle)
	}
	if len(plan.Do) == 0 {
		t.Error("the plan does not say what it would do")
	}
	if acts(suite) && !suite.Idle && suite.Type.About().Undo != "" && len(plan.Undo) == 0 {
		t.Error("the plan does not say how it would be undone")
	}
	for _, line := range slices.Concat(plan.Do, plan.Undo) {
		if line == "" || strings.ContainsAny(line, "\n\r\x1b") {
			t.Errorf("a plan's line is not one line of plain text: %q", line)
		}
	}
	for name := range plan.Outputs {
		if _, known := suite.Type.Outputs().Field(name); !known {
			t.Errorf("the plan foresees %q, which is no output", name)
		}
	}
}

// checkPrepare: prepare writes into Run.Folder only.
func checkPrepare(t testing.TB, suite Suite) {
	s := arrange(t, suite)
	s.prepare()
	s.same("after prepare", s.before, exactness{inodes: true})
}

// checkDo: do changes something, and nothing but what it declares; its outputs are of the declared types and survive JSON.
func checkDo(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	outputs := s.do()
	after := snapshot(t, s.root)
	changes := difference(s.before, after, exactness{inodes: true})
	switch {
	case (suite.Idle || !acts(suite)) && len(changes) > 0:
		t.Errorf("there was nothing to do, and still: %v", changes)
	case !suite.Idle && acts(suite) && len(changes) == 0:
		t.Error("do changes nothing on this tree: the case tests nothing")
	}
	checkEffects(t, s, after)
	checkOutputs(t, suite.Type, outputs)
	if suite.AfterDo != nil {
		suite.AfterDo(t, s.root, outputs)
	}
	leases, err := suite.Type.Leases(s.arguments, s.memo)
	if err != nil {
		t.Errorf("leases: %v", err)
	}
	for _, path := range leases {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			t.Errorf("a lease is no clean absolute path: %q", path)
		}
	}
	if err := suite.Type.Verify(t.Context(), s.run(nil), s.arguments, s.memo); err != nil {
		t.Errorf("verify right after do: %v", err)
	}
}

// checkEffects: what changed lies at or below a path of a declared effect, is a folder above it that was missing, or is a
// name of ours beside it. A program's effects are its own.
func checkEffects(t testing.TB, s *sandbox, after tree) {
	declared := []string{}
	for _, effect := range s.suite.Type.About().Effects {
		if effect.Kind == step.Runs {
			return
		}
		declared = append(declared, pathsOf(s.arguments[effect.Argument])...)
	}
	beside := func(name string) bool {
		return ours(name) && slices.ContainsFunc(declared, func(root string) bool {
			return filepath.Dir(filepath.Join(s.root, name)) == filepath.Dir(root)
		})
	}
	above := func(name string) bool {
		_, there := s.before[name]
		return !there && slices.ContainsFunc(declared, func(root string) bool {
			return strings.HasPrefix(root, filepath.Join(s.root, name)+"/")
		})
	}
	allowed := func(name string) bool {
		path := filepath.Join(s.root, name)
		return beside(name) || above(name) || slices.ContainsFunc(declared, func(root string) bool {
			return path == root || strings.HasPrefix(path, root+"/")
		})
	}
	exact := exactness{anyLinks: true, loose: worked(s.before, after)}
	for _, finding := range difference(s.before.without(allowed), after.without(allowed), exact) {
		if finding.name != "." {
			t.Errorf("do changes what no effect declares: %s", finding)
		}
	}
}

func pathsOf(argument any) []string {
	switch argument := argument.(type) {
	case string:
		return []string{filepath.Clean(argument)}
	case []any:
		var all []string
		for _, one := range argument {
			all = append(all, pathsOf(one)...)
		}
		return all
	}
	return nil
}

// loosened gives the directories of which Do makes, removes or replaces entries, from an undisturbed do.
func loosened(t testing.TB, suite Suite) (loose map[string]bool, after tree) {
	t.Helper()
	s := prepared(t, suite)
	s.do()
	after = snapshot(t, s.root)
	return worked(s.before, after), after
}

func checkUndo(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	s.do()
	after := snapshot(t, s.root)
	s.undo()
	s.restored(after, worked(s.before, after))
}

func checkUndoAlone(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	s.undo()
	s.same("after undo without do", s.before, exactness{inodes: true})
}

func checkUndoTwice(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	s.do()
	after := snapshot(t, s.root)
	s.undo()
	once := snapshot(t, s.root)
	s.undo()
	s.restored(after, worked(s.before, after))
	s.same("after the second undo", once, exactness{inodes: true})
}

// checkAgain: attempts of one step share the memo.
func checkAgain(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	s.do()
	after := snapshot(t, s.root)
	loose := worked(s.before, after)
	s.undo()
	s.do()
	if suite.Type.About().Undo != "" {
		s.same("after do, undo and do", after, exactness{anyTimes: true, anyLinks: true})
	}
	again := snapshot(t, s.root)
	s.undo()
	s.restored(again, loose)
}

// checkStoppedDo: a do that is told to stop says so, leaves no process, and is undone like any other.
func checkStoppedDo(t testing.TB, suite Suite) {
	loose, after := loosened(t, suite)
	act := func(s *sandbox) func(ctx context.Context, run *step.Run) error {
		return func(ctx context.Context, run *step.Run) error {
			_, err := suite.Type.Do(ctx, run, s.arguments, s.memo)
			return err
		}
	}
	undisturbed := prepared(t, suite)
	total, err := undisturbed.stopped(never, act(undisturbed))
	if err != nil {
		t.Fatalf("do: %v", err)
	}
	for _, moment := range sample(total) {
		s := prepared(t, suite)
		_, err := s.stopped(moment, act(s))
		switch {
		case err != nil && fault.ClassOf(err) != fault.Interrupted:
			t.Errorf("told to stop at moment %d, do failed as %s, not as interrupted: %v", moment, fault.ClassOf(err), err)
		case err == nil && moment == 0 && acts(suite):
			t.Error("do acted although it had been told to stop before it began")
		}
		if err != nil {
			noProcessLeft(t, s.mark)
		}
		found := snapshot(t, s.root)
		s.undo()
		s.restored(found, loose)
		s.undo()
		s.restored(found, loose)
		s.do()
		if suite.Type.About().Undo != "" {
			// Names of ours differ from one memo to the next.
			again := snapshot(t, s.root).without(ours)
			for _, finding := range difference(after.without(ours), again, exactness{anyTimes: true, anyLinks: true}) {
				t.Errorf("after a stopped do, undo and do: %s", finding)
			}
		}
		if t.Failed() {
			t.Errorf("(the do was stopped at moment %d of %d)", moment, total)
			return
		}
	}
}

// checkStoppedUndo: an undo may be cut short, and is begun again.
func checkStoppedUndo(t testing.TB, suite Suite) {
	turnBack := func(s *sandbox) func(ctx context.Context, run *step.Run) error {
		return func(ctx context.Context, run *step.Run) error {
			run.Recovering = true
			return suite.Type.Undo(ctx, run, s.arguments, s.memo)
		}
	}
	undisturbed := prepared(t, suite)
	undisturbed.do()
	total, err := undisturbed.stopped(never, turnBack(undisturbed))
	if err != nil {
		t.Fatalf("undo: %v", err)
	}
	for _, moment := range sample(total) {
		s := prepared(t, suite)
		s.do()
		found := snapshot(t, s.root)
		s.stopped(moment, turnBack(s))
		s.undo()
		s.restored(found, worked(s.before, found))
		if t.Failed() {
			t.Errorf("(the undo was stopped at moment %d of %d)", moment, total)
			return
		}
	}
}

// checkRelease: what was kept for the undo goes, and nothing else.
func checkRelease(t testing.TB, suite Suite) {
	s := prepared(t, suite)
	s.do()
	after := snapshot(t, s.root)
	for range 2 {
		s.release()
		s.released(after)
	}
	idle := prepared(t, suite)
	idle.release()
	idle.same("after release without do", idle.before, exactness{inodes: true})
	undone := prepared(t, suite)
	undone.do()
	found := snapshot(t, undone.root)
	undone.undo()
	undone.release()
	undone.restored(found, worked(undone.before, found))
}

func checkStoppedRelease(t testing.TB, suite Suite) {
	giveUp := func(s *sandbox) func(ctx context.Context, run *step.Run) error {
		return func(ctx context.Context, run *step.Run) error {
			return suite.Type.Release(ctx, run, s.arguments, s.memo)
		}
	}
	undisturbed := prepared(t, suite)
	undisturbed.do()
	total, err := undisturbed.stopped(never, giveUp(undisturbed))
	if err != nil {
		t.Fatalf("release: %v", err)
	}
	for _, moment := range sample(total) {
		s := prepared(t, suite)
		s.do()
		after := snapshot(t, s.root)
		s.stopped(moment, giveUp(s))
		s.release()
		s.released(after)
	}
}

// released fails the test where a name of ours is left, or anything else than those went.
func (s *sandbox) released(after tree) {
	s.t.Helper()
	is := snapshot(s.t, s.root)
	for name := range is {
		if ours(name) {
			s.t.Errorf("after release: %s is left", name)
		}
	}
	// A file that gwe had kept by a second name has one link fewer now.
	exact := exactness{anyLinks: true, loose: worked(after, is)}
	for _, finding := range difference(after.without(ours), is.without(ours), exact) {
		s.t.Errorf("after release: %s", finding)
	}
}

// acts tells whether the type declares effects, and may have them in this case.
func acts(suite Suite) bool { return len(suite.Type.About().Effects) > 0 && !suite.Looks }

func decode(raw json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}
