package run

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Commit is the point of no return. Every step that can is asked once more whether what it did still stands;
// then the record is durable; then what undos of earlier runs kept is given up.
func (x *Runner) Commit(ctx context.Context, n *program.Node, names map[string]any, task *tasklog.Task) error {
	said, err := program.As[*program.CommitStep](n).Text.Evaluate(names)
	if err != nil {
		return err
	}
	if err := x.commitAs(ctx, x.recordOfStep(n, nil, value.Text(said)), task); err != nil {
		return err
	}
	task.Info(value.Text(said))
	return nil
}

// commitSilently is the commit of a recipe that has no commit step of its own, or that stopped before it.
func (x *Runner) commitSilently(ctx context.Context) error {
	if x.State.Committed >= 0 {
		return nil
	}
	return x.commitAs(ctx, runstate.StepRecord{}, x.Task)
}

func (x *Runner) commitAs(ctx context.Context, record runstate.StepRecord, task *tasklog.Task) error {
	saved, err := x.verifyFrames(ctx, task)
	if err != nil {
		return err
	}
	if err := x.Append(runstate.RecordCommitted, runstate.CommittedRecord{StepRecord: record, Saved: saved}); err != nil {
		var unsure *journal.Unsure
		if errors.As(err, &unsure) {
			// A recovery may find the record, and then must find the new version. If it does not, it puts the
			// old one back.
			x.Journal.Keep()
			x.State.Committed = len(x.State.Frames)
		}
		return err
	}
	// A run that changed nothing commits nothing: one that stopped because all was well already takes away no
	// way back.
	if len(x.State.Held()) > 0 {
		// The run has committed, and takes over from those before: a signal that comes now does not leave two
		// of them standing.
		x.Supersede(context.WithoutCancel(ctx), task)
	}
	return nil
}

// verifyFrames asks the frames whether what they did still stands. changed lists, by frame, what lies in the
// directories in which Verify changed a file.
func (x *Runner) verifyFrames(ctx context.Context, task *tasklog.Task) (changed map[int][]runstate.SavedFile, err error) {
	followed := x.State.followed()
	for _, f := range x.State.Frames {
		if f.Undone || f.OwesLast || f.Part != "" {
			continue
		}
		if err := x.intact(f); err != nil {
			return nil, err
		}
		run, err := x.EnvironmentOf(f, false, task)
		if err != nil {
			return nil, err
		}
		run.Followed = followed[f.Number]
		stepType := f.Node.StepType()
		if err := stepType.Verify(ctx, run.Run, f.Arguments, f.Memo); err != nil {
			return nil, x.State.At(f.Node, f.Rounds, program.Explain(ctx, err))
		}
		if f.Version == 0 || stepType.About().MakesDirectory && !run.Followed {
			continue
		}
		saved, err := x.settledSaved(f)
		if err != nil {
			return nil, err
		}
		if saved != nil {
			if changed == nil {
				changed = map[int][]runstate.SavedFile{}
			}
			changed[f.Number] = saved
		}
	}
	return changed, nil
}
