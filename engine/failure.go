package engine

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// StepError says which step an error belongs to, and where that step stands.
type StepError struct {
	// Step is the id or the path of the step.
	Step string
	// At is file:line:column.
	At  string
	Err error
}

func (e *StepError) Error() string { return fmt.Sprintf("step %s (%s): %v", e.Step, e.At, e.Err) }

// Unwrap gives what went wrong in the step.
func (e *StepError) Unwrap() error { return e.Err }

// at wraps an error in its step, once.
func (p *Program) at(n *node, err error) error {
	var known *StepError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &StepError{Step: n.label(), At: n.recipe.File + ":" + n.step.Position.String(), Err: err}
}

// recordOf is the journal's form of an error.
func recordOf(err error) errorRecord {
	record := errorRecord{Class: string(fault.ClassOf(err)), Code: "internal", Message: err.Error()}
	if f := fault.As(err); f != nil {
		record.Code, record.Hint = f.Code, f.Hint
	}
	var located *StepError
	if errors.As(err, &located) {
		record.Step, record.At, record.Message = located.Step, located.At, located.Err.Error()
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
	return &StepError{Step: r.Step, At: r.At, Err: f}
}

// errorValues is the name error in expressions.
func errorValues(record errorRecord) map[string]any {
	return map[string]any{
		"step": record.Step, "class": record.Class, "code": record.Code, "message": record.Message,
	}
}
