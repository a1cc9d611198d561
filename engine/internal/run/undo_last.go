package run

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// A program that took up a change must be told of its undoing, and not before the change is undone. So the
// undo of a frame has two parts. The first runs in its place, newest frame first. The second, the recipe's
// undo-last and what the step type itself owes last, runs when the first part of every frame of the rollback
// context is over, oldest frame first: as the programs were told on the way forward.
//
// A context that is undone alone may lie within the run, and older changes stand that the programs took up
// too. Then what its frames owe last runs at once, and once more when any of those is undone.

// Owes reports which parts the undo of a frame has.
func (f *Frame) Owes() (inPlace, last bool) {
	if f.Part != "" {
		return f.Part != runstate.PartLast, f.Part == runstate.PartLast
	}
	inPlace, last = len(f.Node.Undo) > 0, len(f.Node.UndoLast) > 0
	ownInPlace, ownLast := f.OwesOwn()
	return inPlace || ownInPlace, last || ownLast
}

// OwesOwn reports which parts the undo of the frame's step type has.
func (f *Frame) OwesOwn() (inPlace, last bool) {
	if f.Part != "" || f.Node.StepType().About().Undo == "" {
		return false, false
	}
	inPlace, last, err := f.Node.StepType().OwesLast(f.Arguments, f.Memo)
	if err != nil {
		return true, false // its undo says what is wrong
	}
	return inPlace, last
}

// undoFrames undoes the open frames of a rollback context. Its error is why the rest is left to a later
// recovery.
func (x *Runner) undoFrames(ctx context.Context, open []*Frame, failure runstate.ErrorRecord, task *tasklog.Task) error {
	inPlace := slices.DeleteFunc(slices.Clone(open), func(f *Frame) bool { return f.OwesLast })
	for i, f := range inPlace {
		if why := x.undoFrame(ctx, f, failure, task, i+1, len(inPlace)); why != nil {
			return why
		}
	}
	if x.Config.Early || slices.ContainsFunc(open, func(f *Frame) bool { return !f.Undone && !f.OwesLast }) {
		return nil // the programs start when this recovery has ended, or an older frame still waits for them
	}
	return x.undoFramesLast(ctx, open, failure, task)
}

// undoFramesLast runs what the frames owe last. Of several frames that owe the same steps only the newest
// runs them.
func (x *Runner) undoFramesLast(ctx context.Context, open []*Frame, failure runstate.ErrorRecord, task *tasklog.Task) error {
	owing := slices.DeleteFunc(slices.Clone(open), func(f *Frame) bool { return f.Undone || f.Told || !f.OwesLast })
	slices.SortStableFunc(owing, func(a, b *Frame) int { return order(b, a) }) // whichever part of them an earlier recovery has done
	again := map[string]int{}
	keys := make([]string, len(owing))
	for i, f := range owing {
		if keys[i] = x.UndoLastKey(f); keys[i] != "" {
			again[keys[i]] = i
		}
	}
	for i, f := range owing {
		if newest, ok := again[keys[i]]; ok && newest > i {
			_ = x.asRollback().note(runstate.RecordUndone, f.progress())
			continue
		}
		if why := x.asRollback().undoFrameLast(ctx, f, failure, task); why != nil {
			return why
		}
	}
	return nil
}

// OldestFirst turns the order of undoing around.
func OldestFirst(frames []*Frame) []*Frame {
	slices.Reverse(frames)
	return frames
}

// UndoLastKey is equal for frames that owe the same steps with the same arguments; "" for one that is like no
// other.
func (x *Runner) UndoLastKey(f *Frame) string {
	if _, own := f.OwesOwn(); own {
		return ""
	}
	type call struct {
		Type      string
		Arguments map[string]string
	}
	var calls []call
	for _, n := range f.Node.UndoLast {
		names := program.With(x.State.Names(n, f.Rounds, true), "error", map[string]any{})
		if n.When != nil {
			answer, err := n.When.Evaluate(names)
			if err != nil {
				return ""
			}
			if answer == false {
				continue
			}
		}
		arguments, _, err := x.Arguments(n, names)
		if err != nil {
			return ""
		}
		one := call{n.StepType().About().Name, map[string]string{}}
		for name, argument := range arguments {
			one.Arguments[name] = value.Text(argument)
		}
		calls = append(calls, one)
	}
	key, err := json.Marshal(calls)
	if err != nil {
		return ""
	}
	return string(key)
}

// progress is the record of a frame with what the parts of its undo that are over came to.
func (f *Frame) progress() runstate.UndoneRecord {
	return runstate.UndoneRecord{Frame: f.Number, Leftover: f.Leftover, Broken: f.Broken, Kept: f.Kept}
}

// undoFrameLast runs what one frame owes last, and closes the frame.
func (x *Runner) undoFrameLast(ctx context.Context, f *Frame, failure runstate.ErrorRecord, parent *tasklog.Task) error {
	if why := x.MissingPlugin(f, fault.Errored); why != nil {
		return why
	}
	ctx = context.WithoutCancel(ctx)
	task := x.begin(parent, "undo", "Undo, last: "+x.TitleOfFrame(f), f.Node, f.Rounds)
	errs, rest := x.runLast(ctx, f, failure, task)
	if len(errs) > 0 {
		if why := cmp.Or(x.outOfReach(), runstate.Exhausted(starved(errs...))); why != nil {
			task.Fail(first(errs))
			return why
		}
	}
	if rest {
		task.Done("")
		return nil // it is tried again by the next recovery
	}
	record := f.progress()
	x.judgeUndo(&record, errs)
	kind := runstate.RecordUndone
	if x.State.olderUndoPending(f) {
		kind, record.Told = runstate.RecordButLast, true
	}
	_ = x.Append(kind, record)
	end(task, first(errs))
	return nil
}

// olderUndoPending reports whether the undo of another frame may come later, with something to do in its
// place.
func (h *State) olderUndoPending(f *Frame) bool {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	return h.anyFrame(func(other *Frame) bool {
		if other == f || other.Undone || other.OwesLast || other.GivenUp || other.Part == runstate.PartFinally {
			return false
		}
		inPlace, _ := other.Owes()
		return inPlace
	})
}

// reopenUndoLast takes in that a frame is undone in its place: whoever was told before took up what that
// changed, too.
func (h *State) reopenUndoLast(f *Frame) {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	if inPlace, _ := f.Owes(); !inPlace || f.OwesLast {
		return
	}
	for _, other := range h.Frames {
		other.Told = false
	}
}

// runLast carries out what a frame owes last: the recipe's steps, then the type's own part. rest reports that
// it is put off.
func (x *Runner) runLast(ctx context.Context, f *Frame, failure runstate.ErrorRecord, task *tasklog.Task) (errs []error, rest bool) {
	where := runstate.PlaceOfLast(f.Number)
	errs, waiting := x.auxiliaries(ctx, f.Node.UndoLast, f, where, failure, task)
	if _, own := f.OwesOwn(); own && starved(errs...) == nil {
		waits, err := x.undoOwn(ctx, f, where, task)
		if err != nil && x.postpones(f) {
			x.logDeferred(err, task)
			waits, err = true, nil
		}
		if err != nil {
			errs = append(errs, x.State.At(f.Node, f.Rounds, err))
		}
		rest = waits
	}
	return errs, rest || len(waiting) > 0
}

// judgeUndo adds to a frame's record what the errors of an undo mean.
func (x *Runner) judgeUndo(record *runstate.UndoneRecord, errs []error) {
	for _, err := range errs {
		if step.IsLeftover(err) {
			record.Leftover = true
		} else {
			record.Broken = true
		}
		record.Errors = append(record.Errors, x.RecordOf(err))
	}
}
