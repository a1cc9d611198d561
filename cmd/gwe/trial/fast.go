package trial

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/host"
)

const (
	// tick is how long the fast clock looks whether something happens before it lets time pass.
	tick = 10 * time.Millisecond
	// mostReal is how long it waits in real time for other programs of the machine, in all: what they do,
	// they have done by then.
	mostReal = 20 * time.Second
)

// fastClock is the clock of gwe on a scratch machine (pace.Clock). A pause takes no time there: nobody is in
// the world but gwe, so where all its steps wait, the next thing to happen is the end of the first wait.
// Where another program lives, a daemon of setup say, it may be what is waited for, and time is real for a
// while.
type fastClock struct {
	mutex sync.Mutex
	// skipped is the time that was let pass.
	skipped time.Duration
	// waits are the ends of all pauses, and limits those of all time-outs.
	waits  []*end
	limits []*end
	// busy is how many steps act and do not wait; moves changes with each begin and end of one.
	busy, moves int
	// real is how long other programs were waited for.
	real time.Duration
	// passed is told how much time was let pass, and others reports whether another program lives on the
	// machine.
	passed func(skipped time.Duration)
	others func() bool
}

// end is when something ends, what happens then, and what makes it happen in real time; nil for a pause,
// which looks itself.
type end struct {
	at   time.Duration
	come func()
	real *time.Timer
}

type acting struct{}

// act marks a context as that of a step that acts. done ends that.
func (c *fastClock) act(ctx context.Context) (marked context.Context, done func()) {
	c.count(1)
	return context.WithValue(ctx, acting{}, true), func() { c.count(-1) }
}

func (c *fastClock) count(more int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.busy += more
	c.moves++
}

// Now implements pace.Clock.
func (c *fastClock) Now() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now()
}

func (c *fastClock) now() time.Duration { return host.Now().Since + c.skipped }

// Sleep implements pace.Clock.
func (c *fastClock) Sleep(ctx context.Context, wait time.Duration) error {
	if ctx.Value(acting{}) != nil {
		c.count(-1)
		defer c.count(1)
	}
	until := c.add(&c.waits, wait, func() {})
	defer c.remove(&c.waits, until)
	for {
		left, moves := c.left(until)
		if left <= 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		look := time.NewTimer(min(left, tick))
		select {
		case <-look.C:
			c.pass(moves)
		case <-ctx.Done():
			look.Stop()
		}
	}
}

func (c *fastClock) left(until *end) (left time.Duration, moves int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return until.at - c.now(), c.moves
}

func (c *fastClock) add(all *[]*end, in time.Duration, come func()) *end {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	made := &end{at: c.now() + in, come: come}
	if all == &c.limits {
		made.real = time.AfterFunc(in, come)
	}
	*all = append(*all, made)
	return made
}

func (c *fastClock) remove(all *[]*end, one *end) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	*all = slices.DeleteFunc(*all, func(other *end) bool { return other == one })
	if one.real != nil {
		one.real.Stop()
	}
}

// pass lets the time pass until the first wait or time-out is over, if nothing has happened since moves was
// told, and nothing happens.
func (c *fastClock) pass(moves int) {
	others := c.others()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.busy > 0 || c.moves != moves || len(c.waits) == 0 {
		return
	}
	if others && c.real < mostReal {
		c.real += tick
		return
	}
	next := c.waits[0].at
	for _, one := range slices.Concat(c.waits, c.limits) {
		next = min(next, one.at)
	}
	if skip := next - c.now(); skip > 0 {
		c.skipped += skip
		c.passed(skip)
	}
	for _, one := range c.limits {
		if left := one.at - c.now(); one.at <= next {
			one.come()
		} else if one.real != nil {
			one.real.Reset(left)
		}
	}
}

// othersLive reports whether a process lives that is not of the test itself: its init, the role that works,
// and gwe.
func othersLive() bool {
	known := []string{"1", strconv.Itoa(os.Getppid()), strconv.Itoa(os.Getpid())}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return true
	}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil || slices.Contains(known, entry.Name()) {
			continue
		}
		// The state is after the name, which may hold anything.
		text, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		at := strings.LastIndex(string(text), ") ")
		if err == nil && at >= 0 && !strings.ContainsAny(string(text[at+2:at+3]), "ZX") {
			return true
		}
	}
	return false
}

// WithTimeout implements pace.Clock.
func (c *fastClock) WithTimeout(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancelCause(ctx)
	l := &limited{Context: inner, clock: c, done: make(chan struct{})}
	if cause == nil {
		cause = context.DeadlineExceeded
	}
	late := func() { l.close(context.DeadlineExceeded, func() { cancel(cause) }) }
	if limit <= 0 {
		late()
		return l, func() {}
	}
	l.end = c.add(&c.limits, limit, late)
	stop := context.AfterFunc(inner, func() { l.close(inner.Err(), func() {}) })
	return l, func() {
		stop()
		c.remove(&c.limits, l.end)
		l.close(context.Canceled, func() { cancel(nil) })
	}
}

// limited is a context with a time-out. Its channel is its own, so that contexts made of it see its error.
type limited struct {
	context.Context
	clock *fastClock
	end   *end
	done  chan struct{}
	mutex sync.Mutex
	err   error
}

func (l *limited) close(err error, first func()) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.err == nil {
		first()
		l.err = err
		close(l.done)
	}
}

func (l *limited) Done() <-chan struct{} { return l.done }

func (l *limited) Err() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.err
}

// Deadline is in real time, as all users of one take it.
func (l *limited) Deadline() (time.Time, bool) {
	around, bounded := l.Context.Deadline()
	if l.end == nil {
		return around, bounded
	}
	left, _ := l.clock.left(l.end)
	own := time.Now().Add(left)
	if bounded && around.Before(own) {
		return around, true
	}
	return own, true
}
