package command

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gwe-project/gwe/engine"
)

// usageError is a command line that cannot be understood.
type usageError struct{ message string }

func (u usageError) Error() string { return u.message }

func usagef(format string, arguments ...any) error {
	return usageError{fmt.Sprintf(format, arguments...)}
}

// exitCode is what the process ends with. Runs bring their own codes by errSilent; see docs/exit-codes.md.
func exitCode(err error) int {
	var silent errSilent
	var usage usageError
	switch {
	case err == nil:
		return engine.ExitDone
	case errors.As(err, &silent):
		return silent.code
	case errors.As(err, &usage):
		return engine.ExitUsage
	case errors.Is(err, syscall.EPIPE):
		return engine.ExitSignal + int(syscall.SIGPIPE) // as a program ends that does not care for the signal
	}
	return engine.ExitCode(err)
}
