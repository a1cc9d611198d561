package run

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Compose carries out what is made of other steps: a group, a parallel, or a recipe that is used. Each
// attempt is rolled back before the next one.
func (x *Runner) Compose(ctx context.Context, n *program.Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	limit, err := n.Limit(names)
	if err != nil {
		return err
	}
	before, stop := 0, error(nil)
	outputs, err := attemptLoop{
		node: n, names: names, task: task, timeout: limit,
		now: func() map[string]any { return x.State.Names(n, r, false) },
		do: func(inner context.Context, task *tasklog.Task) (map[string]any, error) {
			before = x.lastFrame()
			outputs, err := x.contents(ctx, inner, n, r, task)
			if stopped(err) != nil {
				stop, err = err, nil
			}
			return outputs, err
		},
		between: func(ctx context.Context, failure error) error {
			undo := task.Begin("undo", "Undo the attempt")
			whole, err := x.putBackFrames(ctx, n, r, before, x.State.openSince(before, n, r), failure, undo)
			if err == nil && !whole {
				err = fault.New(fault.Failed, "undo-failed", "not everything could be rolled back")
			}
			end(undo, err)
			return err
		},
	}.run(ctx)
	if err != nil {
		return err
	}
	if stop != nil {
		return stop
	}
	encoded, err := program.EncodeObject(n.Outputs(), x.concealed(outputs))
	if err != nil {
		return outputsInvalid(err)
	}
	return x.note(runstate.RecordEnded, runstate.ResultRecord{Step: n.Path(), Rounds: r, ID: n.ID(), ShownRecord: x.shown(n, r), Outputs: encoded})
}

// contents is one attempt: what the node owes is noted, its steps run within the time of the attempt, and a
// rescue and finally after them within the time of what is around.
func (x *Runner) contents(ctx, inner context.Context, n *program.Node, r runstate.Rounds, task *tasklog.Task) (outputs map[string]any, err error) {
	before := x.lastFrame()
	owed, err := x.enter(n, r)
	if err != nil {
		return nil, err
	}
	outputs, err = n.Composed().Contents(ctx, inner, x, n, r, before, task)
	if owed == nil || err != nil && stopped(err) == nil {
		return outputs, err // finally runs when the steps are rolled back
	}
	if _, late := x.settleFinally(ctx, owed, runstate.ErrorRecord{}, task); late != nil {
		return outputs, late
	}
	return outputs, err
}

// enter makes frames of what a group has beside its steps: its own undo, which goes before theirs, and its
// finally, which is owed from here on and comes behind.
func (x *Runner) enter(n *program.Node, r runstate.Rounds) (owed *Frame, err error) {
	if len(n.Finally()) > 0 {
		if owed, err = x.enterPart(n, r, runstate.PartFinally); err != nil {
			return nil, err
		}
	}
	if len(n.UndoLast) > 0 {
		if _, err = x.enterPart(n, r, runstate.PartLast); err != nil {
			return nil, err
		}
	}
	if len(n.Undo) > 0 {
		_, err = x.enterPart(n, r, runstate.PartUndo)
	}
	return owed, err
}

func (x *Runner) enterPart(n *program.Node, r runstate.Rounds, p runstate.Part) (*Frame, error) {
	number := x.nextFrame()
	where := placeOfUndo(number)
	if p == runstate.PartLast {
		where = runstate.PlaceOfLast(number)
	}
	if err := x.makeRoom(where); err != nil {
		return nil, err
	}
	if err := x.note(runstate.RecordEntered, runstate.EnteredRecord{Frame: number, Step: n.Path(), Rounds: r, Part: p}); err != nil {
		return nil, err
	}
	return x.State.Frame(number), nil
}

// settleFinally runs the finally of a group, which closes it. It makes no frames, and may run again after a
// crash. What goes wrong there is told beside the first error, or fails a group that was good. why is set
// where a step could not begin for want of a resource: then the frame stays open, and finally runs again.
func (x *Runner) settleFinally(ctx context.Context, f *Frame, failure runstate.ErrorRecord, parent *tasklog.Task) (why, err error) {
	x = x.asRollback()
	ctx = context.WithoutCancel(ctx)
	task := x.begin(parent, "finally", "Finally", f.Node, f.Rounds)
	errs, rest := x.auxiliaries(ctx, f.Node.Finally(), f, placeOfUndo(f.Number), failure, task)
	record := runstate.UndoneRecord{Frame: f.Number}
	why = runstate.Exhausted(starvedProcess(errs...))
	for i, err := range errs {
		errs[i] = x.withoutSecrets(err)
		if failure.Code != "" {
			record.Errors = append(record.Errors, x.RecordOf(err))
		}
	}
	switch {
	case why != nil:
	case len(rest) > 0:
		x.putOff(f, record, runstate.PutOffRecord{Steps: rest})
	default:
		_ = x.note(runstate.RecordUndone, record)
	}
	err = errors.Join(errs...)
	end(task, err)
	return why, err
}

// settleOwed runs what groups owe that a stop ended in their middle, and a crash before they came to it.
func (x *Runner) settleOwed(ctx context.Context) error {
	var errs []error
	for _, f := range x.State.Open() {
		if f.Part == runstate.PartFinally {
			_, err := x.settleFinally(ctx, f, runstate.ErrorRecord{}, x.Task)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
