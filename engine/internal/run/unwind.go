package run

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// BeginRollback journals that the run turns back, and why. From here on nothing goes forward again, in this
// process or in another.
func (x *Runner) BeginRollback(failure error) {
	x.Backward = true
	x.UseReserve()
	record := x.RecordOf(failure)
	checked := x.AllIntact(x.State.Open()) == nil // where it is not, unwind says so
	_ = x.Append(runstate.RecordUnwind, runstate.UnwindRecord{Error: record, Back: x.State.Arrived, Left: x.State.Left, Checked: checked})
	x.State.Failure = &record
}

// Unwind rolls back every open frame, newest first, and then what they owe last. It runs to the end whatever
// happens: the context carries no cancellation, each frame has its own time-out, and the failure of one does
// not stop the next. Its error is why the rest is left to a later recovery.
func (x *Runner) Unwind(ctx context.Context) error {
	open := x.FramesToUndo()
	if len(open) == 0 {
		return nil
	}
	if slices.ContainsFunc(open, func(f *Frame) bool { return !f.Begun }) {
		if why := x.AllIntact(open); why != nil {
			return why
		}
		_ = x.Append(runstate.RecordChecked, struct{}{})
	}
	if x.unwritten != nil {
		x.Directory.NoteUndosBegun()
	}
	task := x.Task.Begin("undo", "Roll back what was done")
	if why := x.undoFrames(ctx, open, *x.State.Failure, task); why != nil {
		task.Fail(why)
		return why
	}
	if slices.ContainsFunc(open, func(f *Frame) bool { return f.Broken }) {
		task.Fail(fault.New(fault.Failed, "undo-failed", "not everything could be rolled back").
			WithHint("`gwe resolve %[1]s` says which undo failed and what is different; put that right by hand, then close the run: `gwe resolve %[1]s --reason TEXT`", x.Directory.ID()))
		return nil
	}
	task.Done("")
	return nil
}

// undoFrame closes a frame: it is rolled back, what did that is durable, and only then the journal says so.
// Where that failed since nothing can be undone now, the frame stays open, and the error says why. It is
// frame number of so many, from 1.
func (x *Runner) undoFrame(ctx context.Context, f *Frame, failure runstate.ErrorRecord, parent *tasklog.Task, number, of int) error {
	x = x.asRollback()
	if f.Part == runstate.PartFinally {
		why, _ := x.settleFinally(ctx, f, failure, parent) // its failure is told beside the first error
		return why
	}
	inPlace, last := f.Owes()
	kind := runstate.RecordUndone
	if last {
		kind = runstate.RecordButLast
	}
	if !inPlace {
		// A program ran, and nothing undoes that here: there is nothing to do, and nothing to tell.
		_ = x.note(kind, runstate.UndoneRecord{Frame: f.Number})
		return nil
	}
	if why := cmp.Or(x.MissingPlugin(f, fault.Errored), runstate.OutOfReach(f.Targets, fault.Errored), f.lostParent()); why != nil {
		return why
	}
	task := x.beginCounted(parent, "undo", "Undo: "+x.TitleOfFrame(f), f.Node, f.Rounds, number, of)
	errs, rest := x.putBack(ctx, f, failure, task)
	if len(errs) > 0 {
		if why := cmp.Or(x.outOfReach(), runstate.OutOfReach(f.Targets, fault.Errored), parentChanged(errs), runstate.Exhausted(starved(errs...))); why != nil {
			task.Fail(first(errs))
			return why
		}
	}
	record := runstate.UndoneRecord{Frame: f.Number, Kept: f.Kept}
	if f.Rest != nil {
		record.Leftover, record.Broken = f.Rest.Leftover, f.Rest.Broken
	}
	x.judgeUndo(&record, errs)
	if !rest.Empty() {
		x.putOff(f, record, rest)
		end(task, first(errs))
		return nil
	}
	// It is durable before an older frame is touched: an undo that runs again finds the machine as its frame
	// left it.
	_ = x.Append(kind, record)
	end(task, first(errs))
	return nil
}

// putBack undoes what a frame did: first what the recipe says, then the step type's own undo, each within a
// time-out of its own, and whatever became of the one before. All errors are kept. Of a frame of which a part
// was put off only that is left; rest is what waits for services, still or now.
func (x *Runner) putBack(ctx context.Context, f *Frame, failure runstate.ErrorRecord, task *tasklog.Task) (errs []error, rest runstate.PutOffRecord) {
	ctx = context.WithoutCancel(ctx)
	where := placeOfUndo(f.Number)
	errs, rest.Steps = x.auxiliaries(ctx, f.Node.Undo, f, where, failure, task)
	if own, _ := f.OwesOwn(); !own || f.Rest != nil && !f.Rest.Own || starved(errs...) != nil {
		return errs, rest
	}
	waits, err := x.undoOwn(ctx, f, where, task)
	if err != nil && x.postpones(f) && (f.Rest != nil || f.Node.Runs()) {
		x.logDeferred(err, task)
		waits, err = true, nil
	}
	rest.Own = waits
	if err != nil {
		errs = append(errs, x.State.At(f.Node, f.Rounds, err))
	}
	return errs, rest
}

// auxiliaries carries out the steps of a frame's undo, undo-last or finally, and names those that wait for
// services. None is tried after one that met a lack of resources, since all of them are tried again.
func (x *Runner) auxiliaries(ctx context.Context, nodes []*program.Node, f *Frame, where runstate.Place, failure runstate.ErrorRecord, task *tasklog.Task) (errs []error, rest []string) {
	for _, n := range nodes {
		if f.Rest != nil && !slices.Contains(f.Rest.Steps, n.Path()) {
			continue // it was done early
		}
		err := x.auxiliary(ctx, n, f.Rounds, where, failure, x.postpones(f), task)
		switch {
		case errors.Is(err, errWaits):
			rest = append(rest, n.Path())
		case err != nil:
			errs = append(errs, err)
		}
		if starvedProcess(err) != nil || f.Part != runstate.PartFinally && starved(err) != nil {
			break
		}
	}
	return errs, rest
}

// undoOwn is the part of the step type's own undo that belongs to the place, made durable; rest tells that a
// part of it waits for services. Where what the step saved is gone, the undo does what it can, and says that
// nothing was left to do: that is nobody's word.
func (x *Runner) undoOwn(ctx context.Context, f *Frame, where runstate.Place, task *tasklog.Task) (rest bool, err error) {
	_, gone := os.Lstat(x.Directory.Place(runstate.PlaceOf(f.Number)))
	if f.Lost = f.Lost || f.Here && errors.Is(gone, fs.ErrNotExist); f.Lost {
		defer func() {
			if err == nil {
				err = savedGone(x.Directory.Place(runstate.PlaceOf(f.Number)))
			}
		}()
	}
	run, err := x.EnvironmentOf(f, true, task)
	if err != nil {
		return false, err
	}
	// The directory is the frame's. What the undo starts is the undo's, though: if gwe dies, recovery ends it
	// before it undoes again, while the daemons of a frame that was done live on.
	run.AfterCommit, run.Kept = x.State.Rollback, f.noteKept
	run.Followed = x.State.isFollowed(f)
	run.Again = where == runstate.PlaceOfLast(f.Number) && x.State.olderUndoPending(f)
	x.watch(run, where)
	run.Environment = x.variables(f.Node, f.Rounds, where, true)
	names := x.State.Names(f.Node, f.Rounds, true)
	rest, err = retryOnce(ctx, x, x.postpones(f), task, func() (bool, error) { return x.undoWithin(ctx, f, where == runstate.PlaceOfLast(f.Number), run, names) })
	if err != nil {
		return rest, err
	}
	return rest, x.sync(ctx, f, run)
}

func savedGone(directory string) error {
	return fault.New(fault.Errored, "saved-gone", "the directory %s was removed during the run, with all that the step had saved there for its undo", directory).
		WithHint("see by hand whether what the step changed is as before; leave the state directory alone while a run is in progress")
}

// undoWithin calls a step type's undo, or the early part of it, or what it owes last, on a context that no
// cancellation reaches, within the time-out of an undo.
func (x *Runner) undoWithin(ctx context.Context, f *Frame, last bool, run *stepRun, names map[string]any) (rest bool, err error) {
	limit := f.Node.UndoLimit(names)
	run.Log.Limit("undo-timeout", limit)
	ctx, cancel := pace.WithTimeout(context.WithoutCancel(ctx), limit,
		fault.New(fault.Failed, "undo-timeout", "the undo took longer than %s", value.DurationOf(limit)).
			WithHint("raise defaults.undo-timeout if it needs more"))
	defer cancel()
	if last {
		err = f.Node.StepType().UndoLast(ctx, run.Run, f.Arguments, f.Memo)
	} else if early, ok := f.Node.StepType().(step.EarlyType); ok && x.Config.Early {
		rest, err = early.UndoEarly(ctx, run.Run, f.Arguments, f.Memo)
	} else {
		err = f.Node.StepType().Undo(ctx, run.Run, f.Arguments, f.Memo)
	}
	if err != nil {
		return rest, program.Explain(ctx, err)
	}
	return rest, nil
}

func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// auxiliary carries out a step of an undo, of failsafe or of finally. It makes no frame, and may run again
// after a crash. Its error is errWaits where it needs services that are not there yet; also, where it may be
// put off, if it fails for any reason.
func (x *Runner) auxiliary(ctx context.Context, n *program.Node, r runstate.Rounds, where runstate.Place, failure runstate.ErrorRecord, postpone bool, parent *tasklog.Task) error {
	// Finally is part of the way back only where there is one.
	recovering := failure.Code != ""
	names := program.With(x.State.Names(n, r, recovering), "error", map[string]any{})
	if failure.Code != "" {
		names = program.With(names, "error", runstate.ErrorValues(failure))
	}
	task := x.BeginStep(parent, "step", x.Title(n, names), n, r)
	proceed, err := x.guarded(n, names, task)
	if err == nil && !proceed {
		return nil
	}
	if err == nil && x.Config.Early && x.needsServices(n, names) {
		task.Skip("it waits for the services")
		return errWaits
	}
	var outputs map[string]any
	if err == nil {
		outputs, err = retryOnce(ctx, x, postpone, task, func() (map[string]any, error) {
			return x.once(ctx, n, r, names, where, recovering, task)
		})
	}
	if err == nil {
		task.Done("")
		return x.noteAuxiliary(n, r, outputs)
	}
	err = x.State.At(n, r, err)
	if postpone {
		x.logDeferred(err, task)
		task.Done("")
		return errWaits
	}
	if n.Step.AllowFailure && starvedProcess(err) == nil {
		task.Forgive(err)
		return nil
	}
	task.Fail(err)
	return err
}

// noteAuxiliary journals the end of such a step. Later steps of the same list read its outputs. After a crash
// the list runs again from its start, so the journal need not hold what is large: the space of the way back
// is for what it must hold.
func (x *Runner) noteAuxiliary(n *program.Node, r runstate.Rounds, outputs map[string]any) error {
	encoded, err := program.EncodeObject(n.Outputs(), x.concealed(outputs))
	if err != nil {
		return err
	}
	if outputs, err = program.DecodeObject(n.Outputs(), encoded); err != nil {
		return err
	}
	size := 0
	for _, raw := range encoded {
		size += len(raw)
	}
	if size > reservedOutputs {
		encoded = nil
	}
	if err := x.note(runstate.RecordUndoStep, runstate.ResultRecord{Step: n.Path(), Rounds: r, ID: n.ID(), ShownRecord: x.shown(n, r), Outputs: encoded}); err != nil {
		return err
	}
	x.State.setOutputs(n, r, outputs)
	return nil
}
