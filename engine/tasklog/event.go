package tasklog

import "time"

// Kind is what an event tells.
type Kind string

const (
	Started  Kind = "started"
	Line     Kind = "line"
	Progress Kind = "progress"
	Ended    Kind = "ended"
)

// Status is how a task ended.
type Status string

const (
	Done        Status = "done"
	Skipped     Status = "skipped"
	Failed      Status = "failed"
	Refused     Status = "refused"
	Errored     Status = "errored"
	Interrupted Status = "interrupted"
)

// Good tells whether the status is one of success.
func (s Status) Good() bool { return s == Done || s == Skipped }

// Level is the weight of a line.
type Level string

const (
	Info    Level = "info"
	Warning Level = "warning"
	// Output is a line that a child process wrote.
	Output Level = "output"
)

// Event is one thing that happened in a task. It is also the JSON form: one event a line.
type Event struct {
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`
	// Task and Parent are unique within a run; the run's own task is 1 and has parent 0.
	Task   int `json:"task"`
	Parent int `json:"parent,omitempty"`
	// Name is the task's, on Started.
	Name string `json:"name,omitempty"`
	// Type says what the task is, on Started: run, step, attempt, undo, rescue, failsafe, finally, recover.
	Type string `json:"type,omitempty"`
	// Step is the id of the step that the task belongs to, Action its keyword, Item the item of its round, and Path where it
	// stands in the recipe; on Started, each where there is one.
	Step   string `json:"step,omitempty"`
	Action string `json:"action,omitempty"`
	Item   string `json:"item,omitempty"`
	Path   string `json:"path,omitempty"`
	// Level and Text are a line's. Text is valid UTF-8 without a newline.
	Level Level  `json:"level,omitempty"`
	Text  string `json:"text,omitempty"`
	// Current and Total are a progress's, in Unit ("bytes", "files"); Total is 0 where it is unknown.
	Current int64  `json:"current,omitempty"`
	Total   int64  `json:"total,omitempty"`
	Unit    string `json:"unit,omitempty"`
	// Status, Code, Error and Hint are an end's; Text says more about a good end ("nothing to do").
	Status Status `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Allowed is set where a task failed and was allowed to.
	Allowed bool `json:"allowed,omitempty"`
	// Seconds is how long the task took, by the monotonic clock, on Ended.
	Seconds float64 `json:"seconds,omitempty"`
}

// reason is what the line that ends a failed run adds: the error of the run, also where a line far above has told it.
func reason(event Event) string {
	if event.Error == "" {
		return ""
	}
	text := ": " + string(event.Status) + ": " + event.Error
	if event.Code != "" {
		text += " [" + event.Code + "]"
	}
	return text
}

// Sink takes events. Handle is called from one goroutine at a time, in order.
type Sink interface {
	Handle(event Event)
}
