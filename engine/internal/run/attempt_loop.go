package run

import (
	"context"
	"fmt"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// attemptLoop is one step's action with what its modifiers need: retry ⊃ timeout ⊃ action ⊃ until.
type attemptLoop struct {
	node  *program.Node
	names map[string]any
	task  *tasklog.Task
	// now gives the names at the end of an attempt, where they change by it; nil where they do not.
	now func() map[string]any
	// timeout bounds each attempt; 0 is none.
	timeout time.Duration
	do      func(ctx context.Context, task *tasklog.Task) (map[string]any, error)
	// between puts a failed attempt back before the next one; nil where repeating is safe.
	between func(ctx context.Context, failure error) error
}

// run makes attempts until one is good or the retry policy gives up, and returns the last error.
func (t attemptLoop) run(ctx context.Context) (map[string]any, error) {
	policy, err := t.node.Retry.Evaluate(t.names)
	if err != nil {
		return nil, err
	}
	if policy.Total > 0 {
		var cancel context.CancelFunc
		t.task.Limit("total", policy.Total)
		ctx, cancel = pace.WithTimeout(ctx, policy.Total,
			fault.New(fault.Failed, "retry-total", "all attempts together took longer than %s", policy.Total))
		defer cancel()
	}
	for number := 1; ; number++ {
		task := t.task
		if policy.Attempts > 1 {
			task = t.task.BeginCounted("attempt", fmt.Sprintf("Attempt %d of %d", number, policy.Attempts), number, policy.Attempts)
		}
		outputs, err := t.attempt(ctx, task)
		if policy.Attempts > 1 {
			end(task, err)
		}
		if err == nil || number >= policy.Attempts || ctx.Err() != nil {
			return outputs, err
		}
		again, undecided := t.node.Retry.Again(err, t.node.Composed() != nil, outputs, t.names)
		if undecided != nil {
			t.task.Warn("it is not attempted again, because retry.when cannot be decided: " + undecided.Error())
		}
		if !again {
			if undecided == nil && t.node.Retry.When == nil && fault.IsPermanent(err) {
				t.task.Info("it is not attempted again: another attempt would end the same way")
			}
			return outputs, err
		}
		if t.between != nil {
			if restore := t.between(ctx, err); restore != nil {
				return outputs, fault.New(fault.ClassOf(err), "retry-undo-failed",
					"%v; it is not attempted again, because the attempt could not be undone", err).WithCause(restore)
			}
		}
		wait := policy.Pause(number)
		t.task.Info(fmt.Sprintf("attempt %d of %d failed; the next one starts in %s", number, policy.Attempts, wait.Round(time.Millisecond)))
		if interrupted := runstate.Sleep(ctx, wait); interrupted != nil {
			return outputs, interrupted
		}
	}
}

// attempt acts once, within the time-out, and then asks until.
func (t attemptLoop) attempt(ctx context.Context, task *tasklog.Task) (map[string]any, error) {
	task.Limit("timeout", t.timeout)
	inner, cancel := withLimit(ctx, t.timeout)
	defer cancel()
	outputs, err := t.do(inner, task)
	if err != nil {
		return outputs, program.Explain(inner, err)
	}
	if t.node.Until == nil {
		return outputs, nil
	}
	names := t.names
	if t.now != nil {
		names = t.now()
	}
	if outputs == nil {
		outputs = map[string]any{}
	}
	answer, err := t.node.Until.Evaluate(program.With(names, "result", outputs))
	if err != nil {
		return outputs, fault.New(fault.Failed, "until-failed", "until cannot be decided").WithCause(err)
	}
	if !answer.(bool) {
		return outputs, fault.New(fault.Failed, "until-false", "it ended, but this does not hold: %s", t.node.Step.Until.Text)
	}
	return outputs, nil
}

// withLimit bounds an attempt; a limit of 0 is none.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return pace.WithTimeout(ctx, limit,
		fault.New(fault.Failed, "step-timeout", "it took longer than %s", value.DurationOf(limit)).
			WithHint("give the step a longer timeout, or find out what it waits for"))
}

// end closes a task by an error.
func end(task *tasklog.Task, err error) {
	if err != nil {
		task.Fail(err)
		return
	}
	task.Done("")
}

// Bounded puts the recipe's own time-out around the forward path. What processes before this one worked on
// the run counts, and the time in which it waited does not.
func (x *Runner) Bounded(ctx context.Context) (context.Context, context.CancelFunc, error) {
	x.began = x.Config.Now().Since
	if x.Program.Timeout == nil {
		return ctx, func() {}, nil
	}
	limit, err := program.Seconds(x.Program.Timeout, x.State.Own())
	if err != nil {
		return ctx, func() {}, err
	}
	x.Task.Limit("timeout", limit-x.State.Worked)
	bounded, cancel := pace.WithTimeout(ctx, limit-x.State.Worked,
		fault.New(fault.Failed, "run-timeout", "the run took longer than its timeout of %s", value.DurationOf(limit)))
	return bounded, cancel, nil
}

// worked is how long all processes have worked on the way forward of the run until now.
func (x *Runner) worked() time.Duration {
	return x.State.Worked + x.Config.Now().Since - x.began
}
