package tasklog

import "time"

// throttlePause lies between two events of progress of one task: four a second are as many as a person or a
// page can follow.
const throttlePause = 250 * time.Millisecond

// Throttle is a Sink that passes events on to another one, and spares it progress: of each task at most four
// a second, and no value twice. The last value that a task came to is passed on before its next other event.
type Throttle struct {
	sink  Sink
	tasks map[int]*throttled
}

// throttled is what a task's progress was.
type throttled struct {
	// passed is the last one that was passed on, held one that was not yet; nil if there is none.
	passed Event
	held   *Event
}

// NewThrottle spares the sink.
func NewThrottle(sink Sink) *Throttle { return &Throttle{sink: sink, tasks: map[int]*throttled{}} }

// Handle passes the event on, or holds it.
func (t *Throttle) Handle(event Event) {
	known := t.tasks[event.Task]
	if event.Kind != Progress {
		if known != nil && known.held != nil {
			t.sink.Handle(*known.held)
			known.passed, known.held = *known.held, nil
		}
		if event.Kind == Ended {
			delete(t.tasks, event.Task)
		}
		t.sink.Handle(event)
		return
	}
	switch {
	case known == nil:
		t.tasks[event.Task] = &throttled{passed: event}
		t.sink.Handle(event)
	case sameProgress(known.passed, event):
		known.held = nil
	case event.Time.Sub(known.passed.Time) < throttlePause:
		known.held = &event
	default:
		known.passed, known.held = event, nil
		t.sink.Handle(event)
	}
}

func sameProgress(a, b Event) bool {
	return a.Current == b.Current && a.Total == b.Total && a.Unit == b.Unit
}
