package regular

import (
	"context"
	"errors"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// Patience is how long one call on a foreign file may take: to open it, to read a small one to its end, to
// read a piece of a large one. A disk under load answers within seconds; what takes longer is a server or a
// FUSE program that hangs.
const Patience = 30 * time.Second

// Await does the work, which may hang, and waits for it until the context ends or Patience is over, whichever
// comes first. path is the file that the work is about, for the error: read-timeout, or interrupted with the
// context's cause. Work that was given up continues in its goroutine, which nothing can end. If it comes to
// its end all the same, discard gets the result; nil where there is nothing to clean up.
func Await[T any](ctx context.Context, path string, work func() (T, error), discard func(T)) (T, error) {
	return await(ctx, path, Patience, work, discard)
}

// await is Await with a patience of its own; 0 is none.
func await[T any](ctx context.Context, path string, patience time.Duration, work func() (T, error), discard func(T)) (T, error) {
	type outcome struct {
		result T
		err    error
	}
	var none T
	if ctx.Err() != nil {
		return none, overdue(ctx, path)
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := work()
		done <- outcome{result, err}
	}()
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case ended := <-done:
		return ended.result, ended.err
	case <-ctx.Done():
	case <-late:
	}
	if discard != nil {
		go func() {
			if ended := <-done; ended.err == nil {
				discard(ended.result)
			}
		}()
	}
	return none, overdue(ctx, path)
}

// overdue is the error of a call that was given up.
func overdue(ctx context.Context, path string) error {
	switch {
	case ctx.Err() == nil:
		return fault.New(fault.Failed, "read-timeout", "cannot read %s: its file system did not answer within %v", path, Patience).
			WithHint("look whether it answers now: stat -f %s; mount it again if it does not", path)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.New(fault.Failed, "read-timeout", "cannot read %s before the time is over", path).WithCause(context.Cause(ctx)).
			WithHint("look whether its file system answers: stat -f %s; mount it again if it does not", path)
	}
	return fault.New(fault.Interrupted, "interrupted", "reading %s was interrupted", path).WithCause(context.Cause(ctx))
}
