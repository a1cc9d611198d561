package step

import "errors"

// Standing marks an error of Plan that an earlier step of the same run changes only by what it does at one of
// these paths, or below or above it, or by a program that it runs: a mount option, say, has no paths. The run
// is then refused also where the step stands after others that change the machine. An error without this
// mark refuses the run only before its first change.
type Standing struct {
	Err   error
	Paths []string
}

func (s *Standing) Error() string { return s.Err.Error() }

// Unwrap returns what is wrong.
func (s *Standing) Unwrap() error { return s.Err }

// Stands wraps err, where it is not nil, in *Standing.
func Stands(err error, paths ...string) error {
	if err == nil {
		return nil
	}
	return &Standing{Err: err, Paths: paths}
}

// AsStanding returns the mark of an error, or nil.
func AsStanding(err error) *Standing {
	var found *Standing
	if errors.As(err, &found) {
		return found
	}
	return nil
}
