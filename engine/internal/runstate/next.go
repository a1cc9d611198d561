package runstate

import (
	"fmt"
	"slices"
)

// advised adds what to do next about the run.
func (s Summary) advised() Summary {
	s.Next = s.next()
	return s
}

// next is what an operator does about the run, by command; "" where there is nothing to do.
func (s Summary) next() string {
	if s.Resolved != nil {
		return ""
	}
	switch s.Status {
	case StatusPending:
		switch {
		case !s.RecoveryFailed.IsZero():
			return fmt.Sprintf("`gwe recover` tries again; where it can never succeed, `gwe resolve %s` says what is left to do by hand, and closes the run", s.Run)
		case s.forward:
			return "`gwe recover` finishes it: the new version stays"
		}
		return "`gwe recover` rolls it back"
	case StatusSuspended:
		if s.Suspension == nil {
			return "`gwe recover`, once the services run"
		}
		return s.Suspension.next(s.Run)
	case StatusBroken:
		return fmt.Sprintf("`gwe resolve %[1]s` says what is different from before; put that right, then close the run: `gwe resolve %[1]s --reason TEXT`", s.Run)
	case StatusDamaged, StatusLost:
		return s.Hint
	case StatusRestored, StatusRefused:
		if slices.Contains([]string{"run-died", "interrupted", "cancelled"}, s.Code) {
			return fmt.Sprintf("`gwe log %s` shows how far it came; run it again at any time", s.Run)
		}
		return fmt.Sprintf("`gwe log %s` shows why; correct that, and run again", s.Run)
	case StatusFailsafe:
		return fmt.Sprintf("`gwe show %s` names the undos that failed; put those parts right, or install a version on top", s.Run)
	case StatusCommitted:
		return fmt.Sprintf("`gwe log %[1]s` shows which step failed; carry it out by hand, or go back: `gwe rollback %[1]s`", s.Run)
	}
	return ""
}

// next is what an operator does about the wait.
func (s *Suspension) next(run string) string {
	switch s.Cause {
	case CauseConfirm:
		return fmt.Sprintf("`gwe confirm %[1]s` keeps the new version, `gwe cancel %[1]s` rolls it back", run)
	case CauseReturn:
		return "reboot the machine; `gwe recover` after that ends the run"
	}
	return fmt.Sprintf("reboot the machine; `gwe recover` after that continues the run. `gwe cancel %s` rolls it back instead", run)
}

// Advised is what an operator does about the process; "" where there is nothing to do but to wait.
func Advised(a Activity) string {
	switch {
	case a.Lost:
		return "let it end; or let it roll back what it still can: `gwe cancel`"
	case a.Stopped:
		return fmt.Sprintf("`kill -CONT %d` lets it continue; `gwe cancel` before that makes it roll the run back", a.PID)
	case a.Run == "":
		return ""
	}
	return "`gwe log --follow` shows what it does; `gwe cancel` rolls the run back"
}
