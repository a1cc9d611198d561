package program

import (
	"context"
	"errors"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
)

// defaultTimeout bounds an attempt of a step that runs a program, and every undo, where the recipe sets no
// time-out; see undoLimit.
const defaultTimeout = 10 * time.Minute

// Explain gives an error of a step whose context ended the reason for which it ended: a time-out, a signal.
// An error that has a reason of its own keeps it.
func Explain(ctx context.Context, err error) error {
	late := fault.As(err) == nil && errors.Is(err, context.DeadlineExceeded)
	if ctx.Err() == nil || !late && fault.ClassOf(err) != fault.Interrupted {
		return err
	}
	return runstate.Interruption(context.Cause(ctx))
}

// Limit is the time-out of each attempt.
func (n *Node) Limit(names map[string]any) (time.Duration, error) {
	if n.timeout == nil {
		if n.Runs() {
			return defaultTimeout, nil
		}
		return 0, nil
	}
	return Seconds(n.timeout, names)
}

// UndoLimit is the time-out of the undo of one frame. Where the recipe does not say, a step that may take
// long may take as long to undo.
func (n *Node) UndoLimit(names map[string]any) time.Duration {
	if n.undoTimeout != nil {
		if limit, err := Seconds(n.undoTimeout, names); err == nil {
			return limit
		}
	}
	if n.timeout != nil {
		if limit, err := Seconds(n.timeout, names); err == nil {
			return max(limit, defaultTimeout)
		}
	}
	return defaultTimeout
}

func Seconds(d Dynamic, names map[string]any) (time.Duration, error) {
	v, err := d.Evaluate(names)
	if err != nil {
		return 0, fault.New(fault.Failed, "timeout-invalid", "the timeout cannot be used").WithCause(err)
	}
	return v.(value.Duration).Std(), nil
}
