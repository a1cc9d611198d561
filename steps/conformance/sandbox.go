package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// patience is how long a call may continue after it was told to stop before the suite says that it does not
// stop. It is far longer than any type needs, hung grandchildren included.
const patience = time.Minute

// sandbox is one arranged tree with one frame of the type on it.
type sandbox struct {
	t         T
	c         Case
	root      string
	directory string
	mark      string
	arguments map[string]any
	memo      json.RawMessage
	parents   []step.Parent
	// before is the tree as it was arranged.
	before tree
}

// arrange makes a sandbox in which nothing was done yet.
func arrange(t T, c Case) *sandbox {
	t.Helper()
	base := t.TempDir()
	s := &sandbox{
		t: t, c: c, mark: "GWE_CONFORMANCE_MARK=" + rand.Text(),
		root: filepath.Join(base, "root"), directory: filepath.Join(base, "frame"),
	}
	for path, mode := range map[string]os.FileMode{s.root: 0o755, s.directory: 0o700} {
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	s.arguments = canonical(t, c.Type, c.Arrange(t, s.root))
	s.before = snapshot(t, s.root)
	return s
}

// prepared makes a sandbox with a memo.
func prepared(t T, c Case) *sandbox {
	t.Helper()
	s := arrange(t, c)
	s.prepare()
	return s
}

// prepare takes the memo through JSON, as the journal does.
func (s *sandbox) prepare() {
	s.t.Helper()
	run := s.run(nil)
	run.Parents = step.NewParents()
	memo, err := s.c.Type.Prepare(s.t.Context(), run, s.arguments)
	if err != nil {
		s.t.Fatalf("prepare: %v", err)
	}
	s.parents = run.Parents.Noted()
	s.memo = throughJSON(s.t, memo)
}

// run is what the engine would hand over; what happens in it ticks the moments, where there are some.
func (s *sandbox) run(at *moments) *step.Run {
	run := &step.Run{
		ID: "20260102T030405Z-abcdef", Step: "tried", Machine: step.Local{}, Directory: s.directory, Parents: step.KnownParents(s.parents),
		Leased:      func(string) bool { return false },
		Kept:        func(string) {},
		Covered:     func(string) bool { return false },
		Started:     func(int) {},
		Environment: []string{"GWE_RUN_ID=20260102T030405Z-abcdef", "GWE_STEP=tried", "GWE_RECOVERING=false", s.mark},
	}
	if at != nil {
		run.Log = tasklog.Begin(at, "step", "tried")
		run.Started = func(int) { at.tick() }
	}
	return run
}

// do acts undisturbed, and must succeed.
func (s *sandbox) do() map[string]any {
	s.t.Helper()
	outputs, err := s.c.Type.Do(s.t.Context(), s.run(nil), s.arguments, s.memo)
	if err != nil {
		s.t.Fatalf("do: %v", err)
	}
	if _, err := s.c.Type.Sync(s.t.Context(), s.run(nil), s.arguments, s.memo); err != nil {
		s.t.Fatalf("sync: %v", err)
	}
	return outputs
}

// undo must succeed.
func (s *sandbox) undo() {
	s.t.Helper()
	if err := step.UndoWhole(s.t.Context(), s.c.Type, s.undoing(nil), s.arguments, s.memo); err != nil {
		s.t.Fatalf("undo: %v", err)
	}
}

func (s *sandbox) undoing(at *moments) *step.Run {
	run := s.run(at)
	run.Recovering = true
	return run
}

// release must succeed.
func (s *sandbox) release() {
	s.t.Helper()
	if err := s.c.Type.Release(s.t.Context(), s.run(nil), s.arguments, s.memo); err != nil {
		s.t.Fatalf("release: %v", err)
	}
}

// restored fails the test where the tree is not as the undo had to leave it: as arranged, or, for a type
// without an undo of its own, as undo found it.
func (s *sandbox) restored(found tree, loose map[string]bool) {
	s.t.Helper()
	want, exact := s.before, exactness{loose: loose}
	if s.c.Type.About().Undo == "" {
		want, exact = found, exactness{inodes: true}
	}
	s.same("after undo", want, exact)
}

// same fails the test where the tree is not want.
func (s *sandbox) same(when string, want tree, exact exactness) {
	s.t.Helper()
	for _, finding := range difference(want, snapshot(s.t, s.root), s.c.exact(exact)) {
		s.t.Errorf("%s: %s", when, finding)
	}
}

// stopped calls the type and stops it at a moment. It fails the test where the call does not end in good
// time.
func (s *sandbox) stopped(moment int, call func(ctx context.Context, run *step.Run) error) (seen int, err error) {
	s.t.Helper()
	at := stopAt(moment)
	run := s.run(at)
	ended := make(chan error, 1)
	go func() { ended <- call(at, run) }()
	if moment == never {
		err = <-ended
		return at.count(), err
	}
	select {
	case err := <-ended:
		return at.count(), err
	case <-at.done:
	}
	select {
	case err := <-ended:
		return at.count(), err
	case <-time.After(patience):
		s.t.Fatalf("told to stop at moment %d, it had not ended %v later", moment, patience)
		return 0, nil
	}
}

func throughJSON(t T, raw json.RawMessage) json.RawMessage {
	t.Helper()
	var decoded any
	if err := decode(raw, &decoded); err != nil {
		t.Fatalf("the memo is not JSON: %v", err)
	}
	again, err := json.MarshalIndent(decoded, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return again
}
