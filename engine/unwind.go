package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// turnBack journals that the run turns back, and why. From here on nothing goes forward again, in this process or in
// another.
func (x *execution) turnBack(failure error) {
	x.backward = true
	x.useReserve()
	record := x.recordOf(failure)
	_ = x.append(recordUnwind, unwindRecord{Error: record, Back: x.history.arrived})
	x.history.failure = &record
}

// useReserve lets the journal have the space that was kept for the way back.
func (x *execution) useReserve() {
	if reserved, ok := x.journal.(interface{ UseReserve() error }); ok {
		if err := reserved.UseReserve(); err != nil {
			x.task.Warn("the space that was reserved in the journal cannot be used: " + err.Error())
		}
	}
}

// unwind puts back every open frame, newest first. It runs to the end whatever happens: the context carries no
// cancellation, each frame has its own time-out, and the failure of one does not stop the next.
func (x *execution) unwind(ctx context.Context) {
	open := x.history.open()
	if len(open) == 0 {
		return
	}
	task := x.task.Begin("undo", "Put back what was done", "")
	broken := false
	for _, f := range open {
		x.undoFrame(ctx, f, *x.history.failure, task)
		broken = broken || f.broken
	}
	if broken {
		task.Fail(fault.New(fault.Failed, "undo-failed", "not everything could be put back"))
		return
	}
	task.Done("")
}

// undoFrame closes a frame: it is put back, what did that is durable, and only then the journal says so.
func (x *execution) undoFrame(ctx context.Context, f *frame, failure errorRecord, parent *tasklog.Task) {
	x = x.back()
	if f.part == partFinally {
		x.settleFinally(ctx, f, failure, parent)
		return
	}
	if f.part == "" && len(f.node.undo) == 0 && f.node.action.stepType.About().Undo == "" {
		// A program ran, and nobody wrote down how to undo it: there is nothing to do, and nothing to tell.
		_ = x.note(recordUndone, undoneRecord{Frame: f.number})
		return
	}
	task := parent.Begin("undo", "Undo: "+x.titleOfFrame(f), f.node.label())
	errs := x.putBack(ctx, f, failure, task)
	record := undoneRecord{Frame: f.number}
	for _, err := range errs {
		if step.IsLeftover(err) {
			record.Leftover = true
		} else {
			record.Broken = true
		}
		record.Errors = append(record.Errors, x.recordOf(err))
	}
	// It is durable before an older frame is touched: an undo that runs again finds the machine as its frame left it.
	_ = x.append(recordUndone, record)
	end(task, first(errs))
}

// putBack undoes what a frame did: first what the recipe says, then the step type's own undo, each within a time-out of
// its own, and whatever became of the one before. All errors are kept.
func (x *execution) putBack(ctx context.Context, f *frame, failure errorRecord, task *tasklog.Task) []error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, inner := range f.node.undo {
		if err := x.auxiliary(ctx, inner, f.rounds, placeOfUndo(f.number), failure, task); err != nil {
			errs = append(errs, err)
		}
	}
	if f.part != "" {
		return errs
	}
	if err := x.undoOwn(ctx, f, task); err != nil {
		errs = append(errs, x.program.at(f.node, err))
	}
	return errs
}

// undoOwn is the step type's own undo, made durable.
func (x *execution) undoOwn(ctx context.Context, f *frame, task *tasklog.Task) error {
	run, err := x.environment(f.node, f.rounds, placeOf(f.number), true, task)
	if err != nil {
		return err
	}
	// The folder is the frame's. What the undo starts is the undo's, though: if gwe dies, recovery ends it before it undoes
	// again, while the daemons of a frame that was done live on.
	where := placeOfUndo(f.number)
	x.watch(run, where)
	run.Environment = x.variables(f.node, f.rounds, where, true)
	if err := x.undoWithin(ctx, f, run, x.history.names(f.node, f.rounds, true)); err != nil {
		return err
	}
	return x.sync(ctx, f, run)
}

// undoWithin calls a step type's undo on a context that no cancellation reaches, within the time-out of an undo.
func (x *execution) undoWithin(ctx context.Context, f *frame, run *errand, names map[string]any) error {
	limit := f.node.undoLimit(names)
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit,
		fault.New(fault.Failed, "undo-timeout", "the undo took longer than %s", value.DurationOf(limit)).
			WithHint("raise defaults.undo-timeout if it needs more"))
	defer cancel()
	if err := f.node.action.stepType.Undo(ctx, run.Run, f.arguments, f.memo); err != nil {
		return explain(ctx, err)
	}
	return nil
}

func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// auxiliary carries out a step of an undo, of failsafe or of finally. It makes no frame, and may run again after a crash.
func (x *execution) auxiliary(ctx context.Context, n *node, r rounds, where place, failure errorRecord, parent *tasklog.Task) error {
	// Finally is part of the way back only where there is one.
	recovering := failure.Code != ""
	names := with(x.history.names(n, r, recovering), "error", map[string]any{})
	if failure.Code != "" {
		names = with(names, "error", errorValues(failure))
	}
	task := parent.Begin("step", x.title(n, names), n.label())
	proceed, err := x.guarded(n, names, task)
	if err == nil && !proceed {
		return nil
	}
	var outputs map[string]any
	if err == nil {
		outputs, err = x.once(ctx, n, r, names, where, recovering, task)
	}
	if err == nil {
		task.Done("")
		return x.noteAuxiliary(n, r, outputs)
	}
	err = x.program.at(n, err)
	task.Fail(err)
	if n.step.AllowFailure {
		return nil
	}
	return err
}

// noteAuxiliary journals the end of such a step. Later steps of the same list read its outputs. After a crash the list runs
// again from its start, so the journal need not hold what is large: the space of the way back is for what it must hold.
func (x *execution) noteAuxiliary(n *node, r rounds, outputs map[string]any) error {
	encoded, err := encodeObject(n.outputs(), x.concealed(outputs))
	if err != nil {
		return err
	}
	if outputs, err = decodeObject(n.outputs(), encoded); err != nil {
		return err
	}
	size := 0
	for _, raw := range encoded {
		size += len(raw)
	}
	if size > reservedOutputs {
		encoded = nil
	}
	if err := x.note(recordUndoStep, resultRecord{Step: n.path(), Rounds: r, ID: n.id(), Outputs: encoded}); err != nil {
		return err
	}
	x.history.keep(n, r, outputs)
	return nil
}
