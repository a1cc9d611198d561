package tasklog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// recorded keeps events.
type recorded []tasklog.Event

func (r *recorded) Handle(event tasklog.Event) { *r = append(*r, event) }

func TestThrottle(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(milliseconds int, task int, current int64) tasklog.Event {
		return tasklog.Event{Kind: tasklog.Progress, Time: began.Add(time.Duration(milliseconds) * time.Millisecond), Task: task, Current: current, Total: 9, Unit: "bytes"}
	}
	other := func(kind tasklog.Kind, task int) tasklog.Event {
		return tasklog.Event{Kind: kind, Task: task, Time: began}
	}
	for name, c := range map[string]struct{ in, want []tasklog.Event }{
		"four a second": {
			[]tasklog.Event{at(0, 1, 1), at(100, 1, 2), at(249, 1, 3), at(250, 1, 4), at(300, 1, 5), at(500, 1, 6)},
			[]tasklog.Event{at(0, 1, 1), at(250, 1, 4), at(500, 1, 6)},
		},
		"no value twice": {
			[]tasklog.Event{at(0, 1, 1), at(500, 1, 1), at(900, 1, 1), at(1200, 1, 2)},
			[]tasklog.Event{at(0, 1, 1), at(1200, 1, 2)},
		},
		"the last before the end": {
			[]tasklog.Event{at(0, 1, 1), at(10, 1, 8), at(20, 1, 9), other(tasklog.Ended, 1)},
			[]tasklog.Event{at(0, 1, 1), at(20, 1, 9), other(tasklog.Ended, 1)},
		},
		"each task by itself": {
			[]tasklog.Event{at(0, 1, 1), at(1, 2, 1), at(2, 1, 2), other(tasklog.Line, 2), other(tasklog.Ended, 1)},
			[]tasklog.Event{at(0, 1, 1), at(1, 2, 1), other(tasklog.Line, 2), at(2, 1, 2), other(tasklog.Ended, 1)},
		},
		"a held one that was passed already": {
			[]tasklog.Event{at(0, 1, 5), at(10, 1, 6), at(20, 1, 5), other(tasklog.Ended, 1)},
			[]tasklog.Event{at(0, 1, 5), other(tasklog.Ended, 1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var found recorded
			throttle := tasklog.NewThrottle(&found)
			for _, event := range c.in {
				throttle.Handle(event)
			}
			if !slices.Equal(found, c.want) {
				t.Errorf("passed on:\n%v\nwant:\n%v", found, c.want)
			}
		})
	}
}
