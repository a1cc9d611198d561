package engine

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// bounded does what is left to do of a run that has ended, unless the machine went down in it in BoundedBoots
// boots in a row. These are noted in a file, a line a boot, which is gone again when the work has ended, well
// or not.
func (e *Engine) bounded(p *runstate.StoredRun, work func() error) error {
	boot, path := e.now().Boot, p.Directory.Downs()
	text, _ := durable.ReadNote(path)
	downs := strings.Fields(string(text))
	if len(downs) > runstate.BoundedBoots { // given up, in this boot or before
		return nil
	}
	if !slices.Contains(downs, boot) {
		if len(downs) == runstate.BoundedBoots {
			work = func() error { return e.sayGivenUp(p) }
		}
		// On a full disk it cannot be written, and the work may be what makes room.
		_ = durable.AddLine(path, boot)
	}
	err := work()
	if len(downs) < runstate.BoundedBoots || slices.Contains(downs, boot) {
		_ = os.Remove(path)
	}
	return err
}

// sayGivenUp tells it once, in the run's log.
func (e *Engine) sayGivenUp(p *runstate.StoredRun) error {
	x, err := e.open(p, "recover", "Clean up what run "+p.Directory.ID()+" left")
	if err != nil {
		return err
	}
	defer x.Close()
	x.Task.Fail(fault.New(fault.Failed, "reboot-loop", "the machine went down here in %d boots in a row; gwe stops trying, so that the machine stays reachable", runstate.BoundedBoots).
		WithHint("put right by hand what it was about, then remove %s: the next recovery tries again", p.Directory.Downs()))
	return nil
}

// breakBootLoop gives up what takes the machine down again and again: the undo that is next, and the recovery
// continues; or, where all undos are over, failsafe and finally. over tells that the run has ended thereby.
func breakBootLoop(ctx context.Context, x *run.Runner, died int) (result Result, over bool) {
	if died < runstate.BoundedBoots {
		return Result{}, false
	}
	err := fault.New(fault.Failed, "reboot-loop", "recovery died here in %d boots in a row; gwe stops trying, so that the machine stays reachable", died).
		WithHint("put right by hand what it was about, then reboot")
	record := x.RecordOf(err)
	x.Task.Warn(err.Error())
	if open := x.FramesToUndo(); x.State.Failure != nil && len(open) > 0 {
		located := x.RecordOf(x.State.At(open[0].Node, open[0].Rounds, err))
		kind := runstate.RecordUndone
		if _, last := open[0].Owes(); last && !open[0].OwesLast {
			kind = runstate.RecordButLast
		}
		_ = x.Append(kind, runstate.UndoneRecord{Frame: open[0].Number, Errors: []runstate.ErrorRecord{located}, Broken: true})
		return Result{}, false
	}
	h := x.State
	result = Result{Run: x.Directory.ID(), Status: h.Unrecorded()}
	if h.Failure != nil {
		result.Err = h.Failure.Err()
	}
	for _, earlier := range append(h.UndoErrors, record) {
		result.Others = append(result.Others, earlier.Err())
	}
	x.GaveUp = err
	x.End(context.WithoutCancel(ctx), &result)
	return result, true
}
