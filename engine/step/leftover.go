package step

import (
	"errors"
	"slices"
)

// Leftover marks an undo's error as one of cleanup: the machine is as before, but something of ours still
// lies about. It does not start a failsafe; the next recovery tries again. An undo error without this mark
// means that the machine may not be as before.
type Leftover struct{ Err error }

func (l *Leftover) Error() string { return l.Err.Error() }

// Unwrap gives what went wrong.
func (l *Leftover) Unwrap() error { return l.Err }

// IsLeftover reports whether the machine is as before in spite of an undo's error. Of errors that come
// together, each one must say so.
func IsLeftover(err error) bool {
	switch err := err.(type) {
	case nil:
		return false
	case *Leftover:
		return true
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(err.Unwrap(), func(one error) bool { return !IsLeftover(one) })
	}
	return IsLeftover(errors.Unwrap(err))
}
