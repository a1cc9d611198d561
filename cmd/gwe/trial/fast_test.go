package trial

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestFastClock(t *testing.T) {
	made := func(others bool) *fastClock {
		return &fastClock{passed: func(time.Duration) {}, others: func() bool { return others }}
	}
	within := func(t *testing.T, most time.Duration, do func()) {
		t.Helper()
		begun := time.Now()
		if do(); time.Since(begun) > most {
			t.Errorf("it took %s", time.Since(begun))
		}
	}
	t.Run("a pause takes no time", func(t *testing.T) {
		c := made(false)
		before := c.Now()
		within(t, 5*time.Second, func() {
			if err := c.Sleep(t.Context(), time.Hour); err != nil || c.Now()-before < time.Hour {
				t.Errorf("%v after %s", err, c.Now()-before)
			}
		})
	})
	t.Run("a time-out comes first, for all contexts made of it", func(t *testing.T) {
		c, cause := made(false), errors.New("too late")
		limited, cancel := c.WithTimeout(t.Context(), time.Minute, cause)
		defer cancel()
		inner, stop := context.WithCancel(limited)
		defer stop()
		within(t, 5*time.Second, func() {
			if err := c.Sleep(inner, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("sleep: %v", err)
			}
		})
		if limited.Err() != context.DeadlineExceeded || context.Cause(limited) != cause || context.Cause(inner) != cause {
			t.Errorf("%v because of %v, inside because of %v", limited.Err(), context.Cause(limited), context.Cause(inner))
		}
	})
	t.Run("the first of several waits ends first", func(t *testing.T) {
		c, order := made(false), make(chan string, 2)
		go func() { _ = c.Sleep(t.Context(), 2*time.Hour); order <- "long" }()
		go func() { _ = c.Sleep(t.Context(), time.Hour); order <- "short" }()
		within(t, 5*time.Second, func() {
			if first, second := <-order, <-order; first != "short" || second != "long" {
				t.Errorf("%s, %s", first, second)
			}
		})
	})
	t.Run("what a step does takes its time", func(t *testing.T) {
		c := made(false)
		_, done := c.act(t.Context())
		before := c.Now()
		_ = c.Sleep(t.Context(), 100*time.Millisecond)
		done()
		if passed := c.Now() - before; passed > 3*time.Second || c.skipped > 0 {
			t.Errorf("%s passed, %s of it skipped", passed, c.skipped)
		}
		marked, done := c.act(t.Context())
		defer done()
		within(t, 5*time.Second, func() { _ = c.Sleep(marked, time.Hour) })
	})
	t.Run("other programs are awaited in real time", func(t *testing.T) {
		c := made(true)
		if _ = c.Sleep(t.Context(), 100*time.Millisecond); c.skipped > 0 {
			t.Errorf("%s were skipped", c.skipped)
		}
		c.real = mostReal
		within(t, 5*time.Second, func() { _ = c.Sleep(t.Context(), time.Hour) })
	})
	t.Run("the time-out passes in real time too, and after a cancel never", func(t *testing.T) {
		c := made(false)
		limited, cancel := c.WithTimeout(t.Context(), 20*time.Millisecond, nil)
		<-limited.Done()
		if limited.Err() != context.DeadlineExceeded || context.Cause(limited) != context.DeadlineExceeded {
			t.Errorf("%v because of %v", limited.Err(), context.Cause(limited))
		}
		cancel()
		other, cancel := c.WithTimeout(t.Context(), time.Minute, nil)
		if _, bounded := other.Deadline(); !bounded {
			t.Error("no deadline")
		}
		cancel()
		if <-other.Done(); other.Err() != context.Canceled || len(c.limits) > 0 {
			t.Errorf("%v, and %d limits are left", other.Err(), len(c.limits))
		}
		around, stop := context.WithCancel(t.Context())
		inside, cancel := c.WithTimeout(around, time.Minute, nil)
		defer cancel()
		stop()
		if <-inside.Done(); inside.Err() != context.Canceled {
			t.Errorf("%v", inside.Err())
		}
	})
}
