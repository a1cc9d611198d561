package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// errStop ends the forward path well.
var errStop = errors.New("stop")

// forward runs the recipe's steps that are not settled yet, in order.
func (x *execution) forward(ctx context.Context) error {
	for _, n := range x.program.steps {
		if x.history.settled[n.path()] {
			continue
		}
		if ctx.Err() != nil {
			return x.program.at(n, interruption(context.Cause(ctx)))
		}
		if err := x.step(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// step carries out one step: for what it does see perform. A step that was allowed to fail, and did, is put back and
// does not fail the run.
func (x *execution) step(ctx context.Context, n *node) error {
	names := x.history.names(false)
	task := x.task.Begin("step", x.title(n, names), n.label())

	proceed, err := x.guarded(n, names, task)
	if err == nil && !proceed {
		return x.note(recordSkipped, stepRecord{Step: n.path(), ID: n.id()})
	}
	if err == nil {
		err = x.perform(ctx, n, names, task)
	}
	switch {
	case err == nil:
		task.Done("")
		return nil
	case errors.Is(err, errStop):
		task.Done(x.history.stopped.Text)
		return err
	}
	err = x.program.at(n, err)
	if n.step.AllowFailure && ctx.Err() == nil && !x.halted {
		return x.giveUp(ctx, n, task, err)
	}
	task.Fail(err)
	return err
}

// guarded evaluates the step's guard.
func (x *execution) guarded(n *node, names map[string]any, task *tasklog.Task) (bool, error) {
	if n.when == nil {
		return true, nil
	}
	answer, err := n.when.Evaluate(names)
	if err != nil {
		return false, fault.New(fault.Failed, "guard-failed", "the guard cannot be decided").WithCause(err)
	}
	if !answer.(bool) {
		task.Skip("not " + n.step.When.Text)
	}
	return answer.(bool), nil
}

// perform is the step itself: the commit, a stop, or a leaf.
func (x *execution) perform(ctx context.Context, n *node, names map[string]any, task *tasklog.Task) error {
	switch {
	case n.action.commit != nil:
		return x.commit(ctx, n, names, task)
	case n.action.stop != nil:
		said, err := n.action.stop.evaluate(names)
		if err != nil {
			return err
		}
		if err := x.note(recordStopped, stepRecord{Step: n.path(), ID: n.id(), Text: said.(string)}); err != nil {
			return err
		}
		return errStop
	case n.changes():
		return x.change(ctx, n, names, task)
	}
	return x.read(ctx, n, names, task)
}

// giveUp puts back the frame of a step that was allowed to fail. If that goes wrong, the run fails after all.
func (x *execution) giveUp(ctx context.Context, n *node, task *tasklog.Task, failure error) error {
	defer task.Fail(failure)
	task.Warn("allowed to fail; going on")
	open := x.history.open()
	if len(open) == 0 || open[0].node != n {
		return x.note(recordSkipped, stepRecord{Step: n.path(), ID: n.id(), Text: failure.Error()})
	}
	f := open[0]
	if err := x.append(recordUnwind, unwindRecord{Frame: f.number, Error: x.recordOf(failure)}); err != nil {
		return err
	}
	x.undoFrame(context.WithoutCancel(ctx), f, x.recordOf(failure), task)
	if f.broken {
		return x.program.at(n, failure)
	}
	return nil
}

// title is the step's name for people, or what it does where it has none.
func (x *execution) title(n *node, names map[string]any) string {
	if n.title != nil {
		if title, err := n.title.evaluate(names); err == nil {
			return value.Text(title)
		}
	}
	return n.describe()
}

// describe says what a step without a name is.
func (n *node) describe() string {
	keyword := ""
	if n.step.Action != nil {
		keyword = n.step.Action.Keyword().Text
	}
	if n.step.ID != nil {
		return fmt.Sprintf("%s (%s)", n.id(), keyword)
	}
	return keyword
}

// checkPath refuses a relative path: a run may be recovered from anywhere.
func checkPath(argument namedValue, v any) error {
	path, ok := v.(string)
	if !ok || argument.typ.Kind != value.KindPath || filepath.IsAbs(path) {
		return nil
	}
	return fault.New(fault.Refused, "path-relative", "%s: %q is not an absolute path", argument.name, path).
		WithHint("write the path from the root; ${{ inputs.NAME }} of type path is absolute always")
}
