package placement

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
)

// Cleared is the purpose of that hidden name, and a group of which no list has entries.
const Cleared = "cleared"

// ClearWay takes what is at the path of something that must come back to a hidden name: what a program of the
// run has put there, or what came there after the commit. Before the commit, what came there otherwise stays,
// and the undo fails.
func ClearWay(run *step.Run, verb, path string) error {
	here, err := At(run, path)
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := here.Lstat()
	if err != nil || there == nil {
		return err
	}
	if !run.AfterCommit && !run.Followed {
		return fault.New(fault.Failed, verb+"-changed", "something else is at %s by now", path).
			WithHint("move it away, then run: gwe recover")
	}
	if err := Stays(here, verb, there); err != nil {
		return err
	}
	hidden := Hidden(path, run, Cleared)
	return Move(here, here.Beside(hidden))
}

// DiscardCleared removes what ClearWay took away, or moves it aside if it came after the commit.
func DiscardCleared(ctx context.Context, run *step.Run, path string) error {
	if err := made.DiscardGroup(ctx, run, Hidden(path, run, Cleared), path, Cleared); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}
