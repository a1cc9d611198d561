// Package pace is how gwe waits: between two attempts, between two tries, and for the end of a time-out.
//
// On a device it waits in real time. A test of a recipe hands in a clock of its own (trial), which lets time
// pass at once where nothing happens in it. What a program takes is never on this clock: programs are awaited
// in real time.
//
// It is a leaf: it imports nothing of ours.
package pace

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// Clock lets time pass.
type Clock interface {
	// Now is how much time has passed since a moment in the past. It only grows.
	Now() time.Duration
	// Sleep returns after wait, or when ctx ends, with the error of ctx.
	Sleep(ctx context.Context, wait time.Duration) error
	// WithTimeout is context.WithTimeoutCause on this clock.
	WithTimeout(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc)
}

type key struct{}

// With returns a context whose waits go by the clock.
func With(ctx context.Context, clock Clock) context.Context {
	return context.WithValue(ctx, key{}, clock)
}

// Now is how much time has passed since a moment in the past.
func Now(ctx context.Context) time.Duration { return of(ctx).Now() }

// Sleep returns after wait, or when ctx ends, with the error of ctx.
func Sleep(ctx context.Context, wait time.Duration) error { return of(ctx).Sleep(ctx, wait) }

// WithTimeout returns a context that ends after limit, with context.DeadlineExceeded as its error. A nil
// cause is that error.
func WithTimeout(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc) {
	return of(ctx).WithTimeout(ctx, limit, cause)
}

func of(ctx context.Context) Clock {
	if given, ok := ctx.Value(key{}).(Clock); ok {
		return given
	}
	return Real{}
}

// Real is the machine's own clock.
type Real struct{}

// Now implements Clock, by CLOCK_MONOTONIC of clock_gettime(2), which no setting of the time changes.
func (Real) Now() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // every Linux has it
	return time.Duration(now.Nano())
}

// Sleep implements Clock.
func (Real) Sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// WithTimeout implements Clock.
func (Real) WithTimeout(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, cause)
}
