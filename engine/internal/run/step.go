package run

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// stopping ends the forward path well: of the run, or of the recipe that is used.
type stopping struct{ text string }

func (s *stopping) Error() string { return "stopped: " + s.text }

// stopped reports whether an error is a stop.
func stopped(err error) *stopping {
	var stop *stopping
	if errors.As(err, &stop) {
		return stop
	}
	return nil
}

// List carries out steps in order, up to the first that fails.
func (x *Runner) List(ctx context.Context, nodes []*program.Node, r runstate.Rounds, parent *tasklog.Task) error {
	for _, n := range nodes {
		if ctx.Err() != nil {
			return x.State.At(n, r, runstate.Interruption(context.Cause(ctx)))
		}
		if err := x.step(ctx, n, r, parent); err != nil {
			return err
		}
	}
	return nil
}

// step carries out one step, once or in rounds.
func (x *Runner) step(ctx context.Context, n *program.Node, r runstate.Rounds, parent *tasklog.Task) error {
	if n.Items != nil {
		return x.forEach(ctx, n, r, parent)
	}
	return x.carryOut(ctx, n, r, x.BeginStep(parent, n.Construct.Kind(), x.Title(n, x.State.Names(n, r, false)), n, r))
}

// carryOut carries out one step once: for what it does see construct. A step that was allowed to fail, and
// did, is rolled back and does not fail the run.
func (x *Runner) carryOut(ctx context.Context, n *program.Node, r runstate.Rounds, task *tasklog.Task) error {
	names := x.State.Names(n, r, false)
	proceed, err := x.guarded(n, names, task)
	if err == nil && !proceed {
		return x.note(runstate.RecordSkipped, x.recordOfStep(n, r, ""))
	}
	if err == nil && program.As[*program.CommitStep](n) != nil && n.User() != nil {
		task.Skip("the run that uses this recipe commits")
		return x.note(runstate.RecordSkipped, x.recordOfStep(n, r, ""))
	}
	before := x.lastFrame()
	if err == nil {
		err = n.Construct.Perform(ctx, x, n, r, names, task)
	}
	if err == nil {
		task.Done("")
		return nil
	}
	if stop := stopped(err); stop != nil {
		task.Done(stop.text)
		return err
	}
	if waits := Suspended(err); waits != nil {
		task.Done(waits.Error())
		return err
	}
	if departs := HandingOff(err); departs != nil {
		task.Done(departs.Error())
		return err
	}
	err = x.State.At(n, r, err)
	if n.Step.AllowFailure && ctx.Err() == nil && !x.journalFailed() {
		return x.giveUp(ctx, n, r, before, task, err)
	}
	task.Fail(err)
	return err
}

// guardFalse stands before the source of a guard that was false, which may begin with not itself.
const guardFalse = "when is false: "

// guarded evaluates the step's guard.
func (x *Runner) guarded(n *program.Node, names map[string]any, task *tasklog.Task) (bool, error) {
	if n.When == nil {
		return true, nil
	}
	answer, err := n.When.Evaluate(names)
	if err != nil {
		return false, fault.New(fault.Failed, "guard-failed", "the guard cannot be decided").WithCause(err)
	}
	if !answer.(bool) {
		task.Skip(guardFalse + program.OneLine(n.Step.When.Text))
	}
	return answer.(bool), nil
}

// Stop ends the run, or the recipe that is used: then only that ends here, and the run is in progress.
func (x *Runner) Stop(n *program.Node, r runstate.Rounds, names map[string]any) error {
	said, err := program.As[*program.StopStep](n).Text.Evaluate(names)
	if err != nil {
		return err
	}
	record := x.recordOfStep(n, r, said.(string))
	kind := runstate.RecordStopped
	if n.User() != nil {
		kind = runstate.RecordSkipped
	}
	if err := x.note(kind, record); err != nil {
		return err
	}
	return &stopping{record.Text}
}

// giveUp rolls back what a step that was allowed to fail did: all after the frame before it. If that goes
// wrong, the run fails after all.
func (x *Runner) giveUp(ctx context.Context, n *program.Node, r runstate.Rounds, before int, task *tasklog.Task, failure error) error {
	open := x.State.openSince(before, n, r)
	whole, err := x.putBackFrames(ctx, n, r, before, open, failure, task)
	if err == nil && whole {
		task.Forgive(failure)
	} else {
		task.Fail(failure)
	}
	switch {
	case err != nil:
		return err
	case !whole:
		return failure
	case len(open) > 0 && n.Composed() == nil:
		return nil // its frame says it already
	}
	return x.note(runstate.RecordSkipped, x.recordOfStep(n, r, x.RecordOf(failure).Message))
}

// putBackFrames unwinds a part of the run while the run itself may continue: after allow-failure, between the
// attempts of a group, before a rescue. open are its open frames after the frame before. It reports whether
// all of it could be rolled back; what a part of it could not roll back earlier counts too.
func (x *Runner) putBackFrames(ctx context.Context, n *program.Node, r runstate.Rounds, before int, open []*Frame, failure error, task *tasklog.Task) (whole bool, err error) {
	if len(open) == 0 {
		return !x.State.brokenSince(before, n, r), nil
	}
	if why := x.outOfReach(); why != nil {
		task.Warn(why.Error())
		return false, nil
	}
	record := x.RecordOf(failure)
	if why := x.AllIntact(open); why != nil {
		task.Warn(why.Error())
		return false, nil
	}
	begun := runstate.PutBackRecord{TroubleRecord: runstate.TroubleRecord{Step: n.Path(), Rounds: r, Error: record}}
	for _, f := range open {
		begun.Frames = append(begun.Frames, f.Number)
	}
	if err := x.Append(runstate.RecordPutBack, begun); err != nil {
		return false, err
	}
	if why := x.undoFrames(context.WithoutCancel(ctx), open, record, task); why != nil {
		task.Warn(why.Error())
		return false, nil
	}
	return !x.State.brokenSince(before, n, r), nil
}

// lastFrame is the number of the newest frame that was given out.
func (x *Runner) lastFrame() int {
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.Number
}

// Title is the step's name for people, or what it does where it has none.
func (x *Runner) Title(n *program.Node, names map[string]any) string {
	if n.Title != nil {
		if title, err := n.Title.Evaluate(names); err == nil {
			return value.Text(title)
		}
	}
	return n.Describe()
}

// checkPath refuses a relative path: a run may be recovered from anywhere.
func checkPath(argument program.NamedValue, v any) error {
	path, ok := v.(string)
	if !ok || argument.Typ.Kind != value.KindPath || argument.Typ.IsAbsolute(path) {
		return nil
	}
	if value.IsAddress(path) {
		return fault.New(fault.Refused, "path-relative", "%s: %q is an address, and this argument takes a path", argument.Name, path).
			WithHint("fetch the file in a step before, by download, and name its path here")
	}
	return fault.New(fault.Refused, "path-relative", "%s: %q is not an absolute path", argument.Name, path).
		WithHint("write the path from the root; ${{ inputs.NAME }} of type path is absolute always")
}
