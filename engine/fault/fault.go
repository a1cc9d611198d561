package fault

import (
	"context"
	"errors"
	"fmt"
)

// Class says whose fault a failure is. The exit code of a run and the default of a retry follow from it.
type Class string

const (
	// Failed means that the world said no: a hook exited with 1, an archive is damaged, a disk is full.
	Failed Class = "failed"
	// Refused means that gwe declined to act: a guard, a lock, a bad signature, too little space.
	Refused Class = "refused"
	// Errored means that gwe or the machine under it broke: an I/O error, a journal that cannot be written.
	Errored Class = "errored"
	// Interrupted means that the run was told to stop: a signal, a cancel, a sibling that failed.
	Interrupted Class = "interrupted"
)

// Fault is an error with a stable code.
type Fault struct {
	// Code is kebab-case and stable, "package-unsigned" say.
	Code string
	// Class says whose fault it is.
	Class Class
	// Message says what happened, in one line without a full stop.
	Message string
	// Hint says what the reader can do next; it may be empty.
	Hint string
	// Cause is the error underneath; it may be nil.
	Cause error
	// Permanent means that another attempt, with nothing else done in between, ends the same way: a program
	// that does not exist.
	Permanent bool
}

// Error gives the message and the chain of causes, without code and hint: renderers show these on their own.
func (f *Fault) Error() string {
	if f.Cause == nil {
		return f.Message
	}
	return f.Message + ": " + f.Cause.Error()
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// New makes a fault.
func New(class Class, code, format string, arguments ...any) *Fault {
	return &Fault{Class: class, Code: code, Message: fmt.Sprintf(format, arguments...)}
}

// WithHint adds what to do next.
func (f *Fault) WithHint(format string, arguments ...any) *Fault {
	copied := *f
	copied.Hint = fmt.Sprintf(format, arguments...)
	return &copied
}

// WithCause adds the error underneath.
func (f *Fault) WithCause(cause error) *Fault {
	copied := *f
	copied.Cause = cause
	return &copied
}

// AsPermanent says that another attempt, with nothing else done in between, ends the same way.
func (f *Fault) AsPermanent() *Fault {
	copied := *f
	copied.Permanent = true
	return &copied
}

// IsPermanent reports whether a fault in err's chain is permanent.
func IsPermanent(err error) bool {
	for found := As(err); found != nil; found = As(found.Cause) {
		if found.Permanent {
			return true
		}
	}
	return false
}

// As finds the first fault in err's chain; nil where there is none.
func As(err error) *Fault {
	var found *Fault
	if errors.As(err, &found) {
		return found
	}
	return nil
}

// ClassOf gives the class of the first fault in err's chain. Where there is none, a cancelled context means
// Interrupted, and all else Errored, because an error that nobody classified is a defect of ours or of the
// machine.
func ClassOf(err error) Class {
	if found := As(err); found != nil {
		return found.Class
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}
	return Errored
}
