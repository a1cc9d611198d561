package runstate

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/pace"
)

// StepError says which step an error belongs to.
type StepError struct {
	Step StepName
	Err  error
	// Label is what the name error.step is in expressions: the step's id, or its path where it has none.
	Label string
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives what went wrong in the step.
func (e *StepError) Unwrap() error { return e.Err }

// RecordOf is the journal's form of an error.
func RecordOf(err error) ErrorRecord {
	record := ErrorRecord{Class: string(fault.ClassOf(err)), Code: "internal", Message: err.Error()}
	if f := fault.As(err); f != nil {
		record.Code, record.Hint = f.Code, f.Hint
	}
	var located *StepError
	if errors.As(err, &located) {
		record.Step, record.Where, record.Message = located.Label, &located.Step, located.Err.Error()
	}
	var stopped *Stopped
	if errors.As(err, &stopped) {
		record.Signal = int(stopped.Signal)
	}
	return record
}

// Err brings an error back from the journal.
func (r ErrorRecord) Err() error {
	f := &fault.Fault{Class: fault.Class(r.Class), Code: r.Code, Message: r.Message, Hint: r.Hint}
	if r.Signal > 0 {
		// The message tells of the signal already; the cause is for the exit code.
		f.Message, f.Cause = "the run was told to stop", &Stopped{Signal: syscall.Signal(r.Signal)}
	}
	if r.Step == "" {
		return f
	}
	return &StepError{Step: *r.failed(), Err: f, Label: r.Step}
}

// failed names the step of the error; nil where it belongs to none.
func (r ErrorRecord) failed() *StepName {
	if r.Where != nil || r.Step == "" {
		return r.Where
	}
	return &StepName{Path: r.Step, At: r.At} // as journals named it before
}

// ErrorValues is the name error in expressions.
func ErrorValues(record ErrorRecord) map[string]any {
	return map[string]any{
		"step": record.Step, "class": record.Class, "code": record.Code, "message": record.Message,
	}
}

// Unsettled is a run that could not be brought to its end: what it left is there still.
type Unsettled struct {
	Run string
	Err error
}

func (u *Unsettled) Error() string {
	return fmt.Sprintf("run %s cannot be recovered: %v", u.Run, u.Err)
}

// Unwrap gives the reason.
func (u *Unsettled) Unwrap() error { return u.Err }

// Exhausted is why the rest of a rollback is left to the next recovery; nil stays nil.
func Exhausted(err error) error {
	lack, lacks := fault.Scarce(err)
	if !lacks {
		return nil
	}
	cause := err
	var located *StepError
	if errors.As(err, &located) {
		cause = located.Err
	}
	why := fault.New(fault.Errored, "resources-exhausted", "cannot undo now: %s", lack.Lack).WithCause(cause).
		WithHint("%s; then `gwe recover` continues", lack.Cure)
	if located == nil {
		return why
	}
	return &StepError{Step: located.Step, Err: why, Label: located.Label}
}

// Sleep waits, unless the context ends before.
func Sleep(ctx context.Context, wait time.Duration) error {
	// With no wait both may have come: who was told to stop does not begin again.
	if pace.Sleep(ctx, wait) != nil {
		return Interruption(context.Cause(ctx))
	}
	return nil
}
