package run

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Change carries out a step that has effects, in the order that makes it safe:
//
//  1. prepare captures the memo, and what it saved is made durable;
//  2. memo and intent are durable in the journal: from here on the frame exists;
//  3. do acts, in one or more attempts;
//  4. its effects are made durable;
//  5. only then the result is journaled.
func (x *Runner) Change(ctx context.Context, n *program.Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	arguments, secret, err := x.Arguments(n, names)
	if err == nil {
		err = n.CheckReaders(arguments)
	}
	if err != nil {
		return err
	}
	limit, err := n.Limit(names)
	if err != nil {
		return err
	}
	number := x.nextFrame()
	run, err := x.environment(n, r, runstate.PlaceOf(number), false, task)
	if err != nil {
		return err
	}
	run.Parents = step.NewParents()
	intent := runstate.IntentRecord{Frame: number, Step: n.Path(), Rounds: r, ID: n.ID(), ShownRecord: x.shown(n, r)}
	if err := x.intend(ctx, n, run.Run, intent, arguments, secret, limit); err != nil {
		return err
	}
	f := x.State.Frame(number)
	f.Here, run.frame = run.directory, f
	outputs, err := attemptLoop{
		node: n, names: names, task: task, timeout: limit,
		do: func(ctx context.Context, task *tasklog.Task) (map[string]any, error) {
			run.Log = task
			return n.StepType().Do(ctx, run.Run, arguments, f.Memo)
		},
		between: x.between(f, task),
	}.run(ctx)
	if err != nil {
		return err
	}
	// A sync that failed is never tried again, so it is not part of an attempt.
	if err := x.sync(ctx, f, run); err != nil {
		return program.Explain(ctx, err)
	}
	if f.Bare = !run.directory; f.Bare {
		return x.result(n, r, number, outputs, nil)
	}
	saved, err := listSaved(run.Directory)
	if err != nil {
		return runstate.StateUnusable(x.Config.State.Directory, err)
	}
	return x.result(n, r, number, outputs, saved)
}

// intend is steps 1 and 2. After an error there is no frame, and the directory of what prepare saved is gone.
func (x *Runner) intend(ctx context.Context, n *program.Node, run *step.Run, record runstate.IntentRecord, arguments map[string]any, secret bool, limit time.Duration) error {
	record, err := x.prepare(ctx, n, run, record, arguments, secret, limit)
	if err == nil && len(n.Undo) > 0 {
		err = x.makeRoom(placeOfUndo(record.Frame))
	}
	if err == nil && len(n.UndoLast) > 0 {
		err = x.makeRoom(runstate.PlaceOfLast(record.Frame))
	}
	if err == nil {
		err = x.Append(runstate.RecordIntent, record)
	}
	if err != nil {
		_ = os.RemoveAll(run.Directory)
		_ = os.RemoveAll(x.Directory.Place(placeOfUndo(record.Frame)))
		_ = os.RemoveAll(x.Directory.Place(runstate.PlaceOfLast(record.Frame)))
	}
	return err
}

func (x *Runner) prepare(ctx context.Context, n *program.Node, run *step.Run, record runstate.IntentRecord, arguments map[string]any, secret bool, limit time.Duration) (runstate.IntentRecord, error) {
	stepType := n.StepType()
	var err error
	paths := program.EffectPaths(stepType, arguments)
	if err := runstate.NotAsBefore(paths, x.Earlier); err != nil {
		return record, err
	}
	record.Targets = runstate.TargetsOfEffects(paths, x.State.Begin.Targets)
	if err := foreseeParents(run, paths); err != nil {
		return record, err
	}
	record.Before = x.before(stepType, n.WithoutSecrets(arguments))
	if record.Memo, err = x.capture(ctx, n, run, arguments, limit); err != nil {
		return record, err
	}
	if record.Leases, err = stepType.Leases(arguments, record.Memo); err != nil {
		return record, err
	}
	if err := foreseeParents(run, record.Leases); err != nil {
		return record, err
	}
	run.Parents.Act()
	record.Parents = run.Parents.Noted()
	if err := x.meets(siteOf(&Frame{Frame: &runstate.Frame{Rounds: record.Rounds}, Node: n}, paths, record.Parents)); err != nil {
		return record, err
	}
	record.Secret = secret
	if record.Arguments, err = program.EncodeObject(stepType.Arguments(), n.WithoutSecrets(arguments)); err != nil {
		return record, err
	}
	record.UndoData = stepType.About().UndoVersion()
	if record.Saved, err = listSaved(run.Directory); err != nil {
		return record, runstate.StateUnusable(x.Config.State.Directory, err)
	}
	if len(record.Saved) > 0 {
		return record, durable.SyncFileSystems(run.Directory)
	}
	return record, nil
}

// capture is the step type's prepare: once a step, before the first attempt, within the time-out of one.
func (x *Runner) capture(ctx context.Context, n *program.Node, run *step.Run, arguments map[string]any, limit time.Duration) (json.RawMessage, error) {
	run.Log.Limit("timeout", limit)
	ctx, cancel := withLimit(ctx, limit)
	defer cancel()
	memo, err := n.StepType().Prepare(ctx, run, arguments)
	if err != nil {
		return nil, program.Explain(ctx, err)
	}
	return memo, nil
}

// between undoes a failed attempt before the next one, unless repeating is safe. A leftover does not matter:
// the next undo of the same frame meets it again.
func (x *Runner) between(f *Frame, task *tasklog.Task) func(context.Context, error) error {
	if f.Node.Repeatable() {
		return nil
	}
	return func(ctx context.Context, failure error) error {
		undo := task.Begin("undo", "Undo the attempt")
		errs := x.asRollback().undoAttempt(ctx, f, x.RecordOf(failure), undo)
		errs = slices.DeleteFunc(errs, step.IsLeftover)
		end(undo, first(errs))
		return errors.Join(errs...)
	}
}

// undoWhole calls both parts of a step type's undo, one after the other.
func (x *Runner) undoWhole(ctx context.Context, f *Frame, run *stepRun, names map[string]any) error {
	inPlace, last := f.OwesOwn()
	if inPlace {
		if _, err := x.undoWithin(ctx, f, false, run, names); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	_, err := x.undoWithin(ctx, f, true, run, names)
	return err
}

// undoAttempt undoes a frame that stays open: the next attempt is about to be made.
func (x *Runner) undoAttempt(ctx context.Context, f *Frame, failure runstate.ErrorRecord, task *tasklog.Task) []error {
	errs, _ := x.putBack(ctx, f, failure, task)
	if _, last := f.Owes(); last {
		late, _ := x.runLast(context.WithoutCancel(ctx), f, failure, task)
		errs = append(errs, late...)
	}
	return errs
}

// Read carries out a step that only reads. It makes no frame.
func (x *Runner) Read(ctx context.Context, n *program.Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	outputs, err := x.once(ctx, n, r, names, placeOfRead(x.strand), false, task)
	if err != nil {
		return err
	}
	return x.result(n, r, 0, outputs, nil)
}

// once carries out a step that makes no frame: one that reads, and the steps of undo, failsafe and finally.
func (x *Runner) once(ctx context.Context, n *program.Node, r runstate.Rounds, names map[string]any, where runstate.Place, recovering bool, task *tasklog.Task) (map[string]any, error) {
	arguments, _, err := x.Arguments(n, names)
	if err != nil {
		return nil, err
	}
	limit, err := n.Limit(names)
	if err != nil {
		return nil, err
	}
	// What an earlier step of the same place kept is of no use any more, nor what a dead process left.
	if err := emptyDirectory(x.Directory.Place(where)); err != nil {
		return nil, runstate.StateUnusable(x.Config.State.Directory, err)
	}
	run, err := x.environment(n, r, where, recovering, task)
	if err != nil {
		return nil, err
	}
	run.Parents = step.NewParents()
	memo, err := x.capture(ctx, n, run.Run, arguments, limit)
	if err != nil {
		return nil, err
	}
	run.Parents.Act()
	stepType := n.StepType()
	attempts := attemptLoop{
		node: n, names: names, task: task, timeout: limit,
		do: func(ctx context.Context, task *tasklog.Task) (map[string]any, error) {
			run.Log = task
			return stepType.Do(ctx, run.Run, arguments, memo)
		},
	}
	f := &Frame{Frame: &runstate.Frame{Memo: memo}, Node: n, Arguments: arguments}
	if n.Changes() && !n.Repeatable() {
		attempts.between = func(ctx context.Context, _ error) error { return x.undoWhole(ctx, f, run, names) }
	}
	outputs, err := attempts.run(ctx)
	if err == nil && n.Changes() {
		err = x.sync(ctx, f, run)
	}
	if err == nil {
		// Nothing will ask for the undo of such a step, so what was kept for it goes at once.
		err = stepType.Release(ctx, run.Run, arguments, memo)
	}
	return outputs, err
}

// result journals a good end. The record becomes durable with the next intent or the commit: if it is lost
// before, the step counts as interrupted, which is safe.
func (x *Runner) result(n *program.Node, r runstate.Rounds, frame int, outputs map[string]any, saved []runstate.SavedFile) error {
	encoded, err := program.EncodeObject(n.Outputs(), x.concealed(outputs))
	if err != nil {
		return outputsInvalid(err)
	}
	return x.note(runstate.RecordResult, runstate.ResultRecord{Frame: frame, Step: n.Path(), Rounds: r, ID: n.ID(), ShownRecord: x.shown(n, r), Outputs: encoded, Saved: saved})
}

// sync makes the effects of a frame durable: by the type's own means, or with one syncfs of each file system
// that its declared effects touch. Where a program was started, these are the root file system, and those of
// its path arguments and of the run's locks.
func (x *Runner) sync(ctx context.Context, f *Frame, run *stepRun) error {
	handled, err := f.Node.StepType().Sync(ctx, run.Run, f.Arguments, f.Memo)
	if handled || err != nil {
		return err
	}
	return durable.SyncFileSystems(x.touched(f, run)...)
}

func (x *Runner) touched(f *Frame, run *stepRun) []string {
	paths := program.EffectPaths(f.Node.StepType(), f.Arguments)
	if f.Node.Runs() && run.launched.Load() {
		for _, field := range f.Node.StepType().Arguments().Fields {
			if path, ok := f.Arguments[field.Name].(string); ok && field.Type.Kind == value.KindPath {
				paths = append(paths, path)
			}
		}
		paths = append(paths, "/")
		if run.directory { // what a program saved for the undo is durable before the journal has its digest
			paths = append(paths, run.Directory)
		}
		paths = append(paths, runstate.LockedPaths(x.State.Begin.Locks)...)
	}
	return paths
}
