package engine

import (
	"errors"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
)

// unsettledCodes are those of what keeps gwe from finishing an earlier run: an operator has to look first.
var unsettledCodes = []string{
	"run-lost", "journal-damaged", "journal-foreign", "journal-unreadable", "journal-newer-format", "journal-newer-record", "not-a-regular-file", "run-not-a-directory",
	"frozen-recipe-missing", "frozen-recipe-changed", "frozen-recipe-invalid", "undo-data-damaged", "undo-data-unreadable", "undo-data-version", "recovery-unwritable",
}

// ExitCode is the exit code of gwe for an error that a method of Engine returns instead of a result; see
// docs/exit-codes.md. It is ExitDone for nil. A result has its own: Result.ExitCode.
func ExitCode(err error) int {
	var stopped *Stopped
	var dead *Unsettled
	f := fault.As(err)
	switch {
	case err == nil:
		return ExitDone
	case f != nil && (f.Code == "input-invalid" || f.Code == "recipe-invalid"):
		return ExitUsage
	case f != nil && slices.Contains(unsettledCodes, f.Code):
		return ExitBroken
	case f != nil && f.Class == fault.Refused:
		return ExitRefused
	case errors.As(err, &stopped):
		return ExitSignal + int(stopped.Signal)
	case f != nil && errors.As(err, &dead): // a dead run that no recovery can finish has left the machine in between
		return ExitBroken
	}
	return ExitErrored
}

// RefusalExitCode is the exit code of a plan whose run would be refused: an earlier run that cannot be
// brought to its end needs an operator.
func RefusalExitCode(refusals []Refusal) int {
	if slices.ContainsFunc(refusals, func(one Refusal) bool { return slices.Contains(unsettledCodes, one.Code) }) {
		return ExitBroken
	}
	return ExitRefused
}
