package runstate

import (
	"errors"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Status is how a run stands or ended.
type Status string

const (
	// StatusPending is a run that died before it had ended, and waits for recovery.
	StatusPending Status = "pending"
	// StatusRunning is a run that a process works on now.
	StatusRunning Status = "in progress"
	// StatusSuspended is a run that waits: for a reboot, or for a confirmation.
	StatusSuspended Status = "suspended"
	// StatusDone is a run that ended well.
	StatusDone Status = "done"
	// StatusRefused is a run that was turned down before any effect.
	StatusRefused Status = "refused"
	// StatusRestored is a run that failed, or was stopped, and rolled everything back.
	StatusRestored Status = "rolled back"
	// StatusFailsafe is a run that could not roll everything back, and whose failsafe is in place.
	StatusFailsafe Status = "failsafe"
	// StatusBroken is a run that could not roll everything back: an operator must intervene.
	StatusBroken Status = "manual intervention required"
	// StatusRolledBack is a run that was committed, and was rolled back by hand later.
	StatusRolledBack Status = "rolled back by hand"
	// StatusCommitted is a run whose new version is in place, though a step after the commit, or finally,
	// failed.
	StatusCommitted Status = "in place, not complete"
)

// UnmarshalText reads a status, also by the two words of journals that were written before today's.
func (s *Status) UnmarshalText(text []byte) error {
	switch *s = Status(text); *s {
	case "put back":
		*s = StatusRestored
	case "needs a person":
		*s = StatusBroken
	}
	return nil
}

// Exit codes of gwe; the design's table in docs/exit-codes.md is the reference.
const (
	ExitDone      = 0
	ExitErrored   = 1
	ExitUsage     = 2
	ExitRestored  = 3
	ExitFailsafe  = 4
	ExitBroken    = 5
	ExitRefused   = 6
	ExitCommitted = 7
	ExitWaiting   = 75
	ExitSignal    = 128
)

// Result is how a run ended.
type Result struct {
	Run     string
	Status  Status
	Outputs map[string]any
	// Stopped is the text of the stop step that ended the run well, or "".
	Stopped string
	// Waits says what a suspended run waits for, or "".
	Waits string
	// Kept are the directories to which a manual rollback moved what came after the commit.
	Kept []string
	// Handed means that another gwe continued the run, and has told of its end; outputs are in the journal
	// then.
	Handed bool
	// Now is what runs on the machine at the end, as far as steps of the recipe can tell.
	Now []step.Report
	// Err is the first error; Others are the errors of the unwinding, the failsafe and finally, in order.
	Err    error
	Others []error
	// Unfinished is set where the run has not ended, and does not wait: a recovery is pending.
	Unfinished bool
}

// ExitCode gives the exit code that the result stands for.
func (r Result) ExitCode() int {
	switch r.Status {
	case StatusDone, StatusRolledBack:
		return ExitDone
	case StatusRefused:
		return ExitRefused
	case StatusRestored:
		var stopped *Stopped
		if errors.As(r.Err, &stopped) {
			return ExitSignal + int(stopped.Signal)
		}
		return ExitRestored
	case StatusFailsafe:
		return ExitFailsafe
	case StatusBroken:
		return ExitBroken
	case StatusCommitted:
		return ExitCommitted
	case StatusSuspended:
		return ExitWaiting
	}
	return ExitErrored
}

// Stopped is the cause with which a run's context is cancelled when a signal asks it to stop.
type Stopped struct{ Signal syscall.Signal }

func (s *Stopped) Error() string { return "stopped by signal " + s.Signal.String() }

// Interruption turns a context's cause into the fault that ends a step.
func Interruption(cause error) error {
	if f := fault.As(cause); f != nil {
		return cause
	}
	return fault.New(fault.Interrupted, "interrupted", "the run was told to stop").WithCause(cause)
}
