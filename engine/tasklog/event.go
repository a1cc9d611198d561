package tasklog

import "time"

// Kind is what an event tells.
type Kind string

const (
	Started  Kind = "started"
	Line     Kind = "line"
	Progress Kind = "progress"
	// Limit tells how long the task may take from now on.
	Limit Kind = "limit"
	Ended Kind = "ended"
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

// Good reports whether the status is one of success.
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
	// Time is when it happened.
	Time time.Time `json:"time"`
	// Kind is what it tells.
	Kind Kind `json:"kind"`
	// Run is the id of the run that the task is of. It is absent in the log that lies in the run's own
	// directory.
	Run string `json:"run,omitempty"`
	// Task is the number of the task, unique within one file of the log: one process's work on a run. The
	// run's own task is 1.
	Task int `json:"task"`
	// Parent is the number of the task around it; absent for the run's own.
	Parent int `json:"parent,omitempty"`
	// Name is the task's, on Started; on Limit it is the setting that bounds it: timeout, within,
	// undo-timeout, ...
	Name string `json:"name,omitempty"`
	// Type says what the task is, on Started: run, step, attempt, undo, rescue, failsafe, finally, recover
	// and so on.
	Type string `json:"type,omitempty"`
	// Step is the id of the step that the task belongs to; absent where that has none. The log that lies in
	// the run's own directory has it on Started alone.
	Step string `json:"step,omitempty"`
	// Action is the keyword of that step, on Started: "unpack", "group".
	Action string `json:"action,omitempty"`
	// Item is the item of the step's round, on Started.
	Item string `json:"item,omitempty"`
	// Path says where the step stands in the recipe, on Started: "steps[3].undo[0]".
	Path string `json:"path,omitempty"`
	// Number is the place of the task among others of its kind, from 1, on Started: the third step, the
	// second attempt; absent where they are not counted.
	Number int `json:"number,omitempty"`
	// Of is how many of its kind there are: steps in the list, attempts at most.
	Of int `json:"of,omitempty"`
	// Level is the weight of a Line.
	Level Level `json:"level,omitempty"`
	// Text is what a Line says, or more about a good end ("nothing to do"). It is valid UTF-8 without a
	// newline.
	Text string `json:"text,omitempty"`
	// Current is how far a Progress came, in Unit; absent at 0.
	Current int64 `json:"current,omitempty"`
	// Total is how far it will come; absent where that is unknown.
	Total int64 `json:"total,omitempty"`
	// Unit is "bytes" or "files", of a Progress.
	Unit string `json:"unit,omitempty"`
	// Status is how the task ended, on Ended.
	Status Status `json:"status,omitempty"`
	// Code is the stable code of Error: `gwe explain CODE` explains it.
	Code string `json:"code,omitempty"`
	// Error is why a task did not end well.
	Error string `json:"error,omitempty"`
	// Hint says what to do about Error.
	Hint string `json:"hint,omitempty"`
	// Allowed is set where a task failed and was allowed to, on Ended; on Started where it may fail.
	Allowed bool `json:"allowed,omitempty"`
	// Seconds is how long the task took, by the monotonic clock, on Ended; on Limit how long it may take. A
	// limit replaces an earlier one of the same name.
	Seconds float64 `json:"seconds,omitempty"`
}

// reason is what the line that ends a failed run adds: the error of the run, also where a line far above has
// told it.
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
