package engine

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// StepError says which step an error belongs to.
type StepError struct {
	Step StepName
	Err  error
	// label is what the name error.step is in expressions: the step's id, or its path where it has none.
	label string
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives what went wrong in the step.
func (e *StepError) Unwrap() error { return e.Err }

// at wraps an error in its step, in these rounds of the for-each around it, once.
func (h *runState) at(n *node, r rounds, err error) error {
	var known *StepError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &StepError{Step: h.named(n, r), Err: err, label: n.label()}
}

// recordOf is the journal's form of an error.
func recordOf(err error) errorRecord {
	record := errorRecord{Class: string(fault.ClassOf(err)), Code: "internal", Message: err.Error()}
	if f := fault.As(err); f != nil {
		record.Code, record.Hint = f.Code, f.Hint
	}
	var located *StepError
	if errors.As(err, &located) {
		record.Step, record.Where, record.Message = located.label, &located.Step, located.Err.Error()
	}
	var stopped *Stopped
	if errors.As(err, &stopped) {
		record.Signal = int(stopped.Signal)
	}
	return record
}

// err brings an error back from the journal.
func (r errorRecord) err() error {
	f := &fault.Fault{Class: fault.Class(r.Class), Code: r.Code, Message: r.Message, Hint: r.Hint}
	if r.Signal > 0 {
		// The message tells of the signal already; the cause is for the exit code.
		f.Message, f.Cause = "the run was told to stop", &Stopped{Signal: syscall.Signal(r.Signal)}
	}
	if r.Step == "" {
		return f
	}
	return &StepError{Step: *r.failed(), Err: f, label: r.Step}
}

// failed names the step of the error; nil where it belongs to none.
func (r errorRecord) failed() *StepName {
	if r.Where != nil || r.Step == "" {
		return r.Where
	}
	return &StepName{Path: r.Step, At: r.At} // as journals named it before
}

// errorValues is the name error in expressions.
func errorValues(record errorRecord) map[string]any {
	return map[string]any{
		"step": record.Step, "class": record.Class, "code": record.Code, "message": record.Message,
	}
}
