package command

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

// usageError is a command line that cannot be understood.
type usageError struct{ message string }

func (u usageError) Error() string { return u.message }

func usagef(format string, arguments ...any) error {
	return usageError{fmt.Sprintf(format, arguments...)}
}

// unsettled are the codes of what keeps gwe from finishing an earlier run: a person has to look first.
var unsettled = []string{
	"run-lost", "journal-damaged", "journal-foreign", "journal-unreadable", "journal-newer-format", "journal-newer-record", "not-a-regular-file", "run-not-a-folder",
	"frozen-recipe-missing", "frozen-recipe-changed", "frozen-recipe-invalid", "undo-data-damaged", "undo-data-unreadable", "undo-data-version", "recovery-unwritable",
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
	f := fault.As(err)
	var stopped *engine.Stopped
	if f == nil {
		if errors.As(err, &stopped) {
			return engine.ExitSignal + int(stopped.Signal)
		}
		return engine.ExitErrored
	}
	switch {
	case f.Code == "input-invalid", f.Code == "recipe-invalid":
		return engine.ExitUsage
	case slices.Contains(unsettled, f.Code):
		return engine.ExitBroken
	case f.Class == fault.Refused:
		return engine.ExitRefused
	}
	if errors.As(err, &stopped) {
		return engine.ExitSignal + int(stopped.Signal)
	}
	// A dead run that no recovery can finish has left the machine in between.
	var dead *engine.Unsettled
	if errors.As(err, &dead) {
		return engine.ExitBroken
	}
	return engine.ExitErrored
}
