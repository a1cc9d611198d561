package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// moments is a context that counts the moments at which a step type looks at it, writes to the log or starts
// a process, and is cancelled at one of them: so a step can be stopped at every place where it could notice,
// one after the other.
type moments struct {
	mutex sync.Mutex
	seen  int
	// stop is the moment of the cancellation: 0 is before anything, never is never.
	stop      int
	done      chan struct{}
	cancelled bool
}

const never = -1

func stopAt(moment int) *moments {
	m := &moments{stop: moment, done: make(chan struct{})}
	if moment == 0 {
		m.cancelled = true
		close(m.done)
	}
	return m
}

// tick counts one moment.
func (m *moments) tick() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.seen++
	if m.stop != never && m.seen >= m.stop && !m.cancelled {
		m.cancelled = true
		close(m.done)
	}
}

func (m *moments) count() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.seen
}

// Deadline, Done, Err and Value make it a context.Context.
func (m *moments) Deadline() (time.Time, bool) { return time.Time{}, false }

func (m *moments) Done() <-chan struct{} {
	m.tick()
	return m.done
}

func (m *moments) Err() error {
	m.tick()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.cancelled {
		return context.Canceled
	}
	return nil
}

func (m *moments) Value(any) any { return nil }

// Handle makes it a sink: each event is a moment.
func (m *moments) Handle(tasklog.Event) { m.tick() }

// sample picks the moments, of those that an undisturbed call had, at which calls are stopped: all of them
// where they are few, else the first and last ones and some between.
func sample(total int) []int {
	const edge, between = 12, 16
	var picked []int
	for moment := 0; moment <= total; moment++ {
		inner := total - 2*edge
		if moment <= edge || moment >= total-edge || inner <= between || (moment-edge)%(inner/between) == 0 {
			picked = append(picked, moment)
		}
	}
	return picked
}
