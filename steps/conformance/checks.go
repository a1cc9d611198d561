package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// checkPlan: a plan is a reader, and foresees whether there is anything to do.
func checkPlan(t T, c Case) {
	s := arrange(t, c)
	watch := watchChildren(t)
	plan, err := c.Type.Plan(t.Context(), step.Local{}, s.arguments)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	if c.Elsewhere != nil {
		watch.nothingRan(t)
	}
	s.same("after plan", s.before, exactness{inodes: true})
	if acts(c) && plan.Nothing != c.Idle {
		t.Errorf("the plan's Nothing is %v, the case's Idle %v", plan.Nothing, c.Idle)
	}
	if len(plan.Do) == 0 {
		t.Error("the plan does not say what it would do")
	}
	if acts(c) && !c.Idle && c.Type.About().Undo != "" && len(plan.Undo) == 0 {
		t.Error("the plan does not say how it would be undone")
	}
	for _, line := range slices.Concat(plan.Do, plan.Undo) {
		if line == "" || strings.ContainsAny(line, "\n\r\x1b") {
			t.Errorf("a plan's line is not one line of plain text: %q", line)
		}
	}
	for name := range plan.Outputs {
		if _, known := c.Type.Outputs().Field(name); !known {
			t.Errorf("the plan foresees %q, which is not an output", name)
		}
	}
}

// checkPrepare: prepare writes into Run.Directory only.
func checkPrepare(t T, c Case) {
	s := arrange(t, c)
	s.prepare()
	s.same("after prepare", s.before, exactness{inodes: true})
}

// checkDo: do changes something, and nothing but what it declares; its outputs are of the declared types and
// survive JSON.
func checkDo(t T, c Case) {
	s := prepared(t, c)
	outputs := s.do()
	after := snapshot(t, s.root)
	changes := difference(s.before, after, exactness{inodes: true})
	switch {
	case (c.Idle || !acts(c)) && len(changes) > 0:
		t.Errorf("there was nothing to do, and still: %v", changes)
	case !c.Idle && acts(c) && len(changes) == 0:
		t.Error("do changes nothing on this tree: the case tests nothing")
	}
	checkEffects(t, s, after)
	checkOutputs(t, c.Type, outputs)
	if c.AfterDo != nil {
		c.AfterDo(t, s.root, outputs)
	}
	leases, err := c.Type.Leases(s.arguments, s.memo)
	if err != nil {
		t.Errorf("leases: %v", err)
	}
	for _, path := range leases {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			t.Errorf("a lease is not a clean absolute path: %q", path)
		}
	}
	if err := c.Type.Verify(t.Context(), s.run(nil), s.arguments, s.memo); err != nil {
		t.Errorf("verify right after do: %v", err)
	}
}

// checkEffects: what changed lies at or below a path of a declared effect, is a directory above it that was
// missing, or is a name of ours beside it. A program's effects are its own.
func checkEffects(t T, s *sandbox, after tree) {
	declared := []string{}
	for _, effect := range s.c.Type.About().Effects {
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
func loosened(t T, c Case) (loose map[string]bool, after tree) {
	t.Helper()
	s := prepared(t, c)
	s.do()
	after = snapshot(t, s.root)
	return worked(s.before, after), after
}

func checkUndo(t T, c Case) {
	s := prepared(t, c)
	s.do()
	after := snapshot(t, s.root)
	s.undo()
	s.restored(after, worked(s.before, after))
}

func checkUndoAlone(t T, c Case) {
	s := prepared(t, c)
	s.undo()
	s.same("after undo without do", s.before, exactness{inodes: true})
}

func checkUndoTwice(t T, c Case) {
	s := prepared(t, c)
	s.do()
	after := snapshot(t, s.root)
	s.undo()
	once := snapshot(t, s.root)
	s.undo()
	s.restored(after, worked(s.before, after))
	s.same("after the second undo", once, exactness{inodes: true})
}

// checkAgain: attempts of one step share the memo.
func checkAgain(t T, c Case) {
	s := prepared(t, c)
	s.do()
	after := snapshot(t, s.root)
	loose := worked(s.before, after)
	s.undo()
	s.do()
	if c.Type.About().Undo != "" {
		s.same("after do, undo and do", after, exactness{anyTimes: true, anyLinks: true})
	}
	again := snapshot(t, s.root)
	s.undo()
	s.restored(again, loose)
}

// checkStoppedDo: a do that is told to stop says so, leaves no process, and is undone like any other.
func checkStoppedDo(t T, c Case) {
	loose, after := loosened(t, c)
	act := func(s *sandbox) func(ctx context.Context, run *step.Run) error {
		return func(ctx context.Context, run *step.Run) error {
			_, err := c.Type.Do(ctx, run, s.arguments, s.memo)
			return err
		}
	}
	undisturbed := prepared(t, c)
	total, err := undisturbed.stopped(never, act(undisturbed))
	if err != nil {
		t.Fatalf("do: %v", err)
	}
	for _, moment := range sample(total) {
		s := prepared(t, c)
		_, err := s.stopped(moment, act(s))
		switch {
		case err != nil && fault.ClassOf(err) != fault.Interrupted:
			t.Errorf("told to stop at moment %d, do failed as %s, not as interrupted: %v", moment, fault.ClassOf(err), err)
		case err == nil && moment == 0 && acts(c):
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
		if c.Type.About().Undo != "" {
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
func checkStoppedUndo(t T, c Case) {
	turnBack := func(s *sandbox) func(ctx context.Context, run *step.Run) error {
		return func(ctx context.Context, run *step.Run) error {
			run.Recovering = true
			return step.UndoWhole(ctx, c.Type, run, s.arguments, s.memo)
		}
	}
	undisturbed := prepared(t, c)
	undisturbed.do()
	total, err := undisturbed.stopped(never, turnBack(undisturbed))
	if err != nil {
		t.Fatalf("undo: %v", err)
	}
	for _, moment := range sample(total) {
		s := prepared(t, c)
		s.do()
		found := snapshot(t, s.root)
		_, _ = s.stopped(moment, turnBack(s)) // interrupted, or done before
		s.undo()
		s.restored(found, worked(s.before, found))
		if t.Failed() {
			t.Errorf("(the undo was stopped at moment %d of %d)", moment, total)
			return
		}
	}
}

// checkRelease: what was kept for the undo goes, and nothing else.
func checkRelease(t T, c Case) {
	s := prepared(t, c)
	s.do()
	after := snapshot(t, s.root)
	for range 2 {
		s.release()
		s.released(after)
	}
	idle := prepared(t, c)
	idle.release()
	idle.same("after release without do", idle.before, exactness{inodes: true})
	undone := prepared(t, c)
	undone.do()
	found := snapshot(t, undone.root)
	undone.undo()
	undone.release()
	undone.restored(found, worked(undone.before, found))
}

func checkStoppedRelease(t T, c Case) {
	giveUp := func(s *sandbox) func(ctx context.Context, run *step.Run) error {
		return func(ctx context.Context, run *step.Run) error {
			return c.Type.Release(ctx, run, s.arguments, s.memo)
		}
	}
	undisturbed := prepared(t, c)
	undisturbed.do()
	total, err := undisturbed.stopped(never, giveUp(undisturbed))
	if err != nil {
		t.Fatalf("release: %v", err)
	}
	for _, moment := range sample(total) {
		s := prepared(t, c)
		s.do()
		after := snapshot(t, s.root)
		_, _ = s.stopped(moment, giveUp(s)) // interrupted, or done before
		s.release()
		s.released(after)
	}
}

// released fails the test where a name of ours is left, or anything else than those went.
func (s *sandbox) released(after tree) {
	s.t.Helper()
	is := snapshot(s.t, s.root)
	for name := range is {
		if ours(name) && filepath.Base(name) != durable.Releases {
			s.t.Errorf("after release: %s is left", name)
		}
	}
	// A file that gwe had kept by a second name has one link fewer now.
	exact := exactness{anyLinks: true, loose: worked(after, is)}
	for _, finding := range difference(after.without(ours), is.without(ours), s.c.exact(exact)) {
		s.t.Errorf("after release: %s", finding)
	}
}

// acts reports whether the type declares effects, and may have them in this case.
func acts(c Case) bool { return len(c.Type.About().Effects) > 0 && !c.Looks }

func decode(raw json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}
