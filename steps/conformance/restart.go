package conformance

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/step"
)

// Frame is all that another process is told: what the journal would hold.
type Frame struct {
	Type      string                     `json:"type"`
	Arguments map[string]json.RawMessage `json:"arguments"`
	Memo      json.RawMessage            `json:"memo"`
	Directory string                     `json:"folder"`
	Mark      string                     `json:"mark"`
	Parents   []step.Parent              `json:"parents,omitempty"`
}

// Undo undoes the frame in this process.
func (f Frame) Undo(ctx context.Context, tried step.Type) error {
	arguments, err := decodeArguments(tried.Arguments(), f.Arguments)
	if err != nil {
		return err
	}
	s := &sandbox{directory: f.Directory, mark: f.Mark, parents: f.Parents}
	return step.UndoWhole(ctx, tried, s.undoing(nil), arguments, f.Memo)
}

// checkRestart: the memo and the arguments are enough, with what the recipe was given gone.
func checkRestart(t T, c Case) {
	s := prepared(t, c)
	s.do()
	after := snapshot(t, s.root)
	loose := worked(s.before, after)
	for _, name := range c.Forget {
		if _, there := s.before[name]; !there {
			t.Fatalf("Forget names %q, which was not arranged", name)
		}
		if err := os.RemoveAll(filepath.Join(s.root, name)); err != nil {
			t.Fatal(err)
		}
		loose[filepath.Dir(name)] = true
	}
	forgotten := func(name string) bool { return slices.Contains(c.Forget, name) }
	s.before = s.before.without(forgotten)
	found := snapshot(t, s.root)
	s.undoElsewhere()
	s.restored(found, loose)
}

func (s *sandbox) undoElsewhere() {
	s.t.Helper()
	if s.c.Elsewhere == nil {
		s.undo()
		return
	}
	frame := Frame{
		Type: s.c.Type.About().Name, Arguments: encode(s.t, s.c.Type.Arguments(), s.arguments),
		Memo: s.memo, Directory: s.directory, Mark: s.mark, Parents: s.parents,
	}
	if err := s.c.Elsewhere(s.t, frame); err != nil {
		s.t.Errorf("undo in another process: %v", err)
	}
}
