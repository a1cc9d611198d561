package runstate

import (
	"fmt"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/value"
)

// SuspendedRecord says what a run waits for. Times are nanoseconds that no setting of a clock changes.
type SuspendedRecord struct {
	Step string `json:"step"`
	ID   string `json:"id,omitempty"`
	ShownRecord
	Cause Cause `json:"cause"`
	// Boot and Since are the moment at which the wait began.
	Boot    string        `json:"boot"`
	Since   time.Duration `json:"since"`
	Within  time.Duration `json:"within"`
	Hold    time.Duration `json:"hold,omitempty"`
	Attempt int           `json:"attempt"`
	// Attempts is how many reboots are asked for, and Boots how many boots the run outlives.
	Attempts int      `json:"attempts"`
	Boots    int      `json:"boots"`
	Command  []string `json:"command,omitempty"`
	// Worked is how long gwe worked on the way forward of the run before.
	Worked time.Duration `json:"worked,omitempty"`
}

// WaitedRecord notes how far a wait came: at each boot, now and then within one, and when its condition
// changed.
type WaitedRecord struct {
	Boot  string        `json:"boot"`
	Since time.Duration `json:"since"`
	// Spent is the time that the machine was on since the wait began, and Boots how often it booted.
	Spent time.Duration `json:"spent"`
	Boots int           `json:"boots"`
	// True is the time spent when the condition became true; absent while it is not.
	True *time.Duration `json:"true,omitempty"`
}

// ResumedRecord ends a wait well, and the step with it.
type ResumedRecord struct {
	Step string `json:"step"`
	Boot string `json:"boot"`
	PID  int    `json:"pid"`
}

// Suspension is what a run waits for, and how far it came.
type Suspension struct {
	SuspendedRecord
	Waited    WaitedRecord
	Confirmed bool
	Cancelled bool
}

// After is how far the wait is at a moment. Time in which the machine is off does not count, for nothing
// measures it.
func (s *Suspension) After(now host.Moment) WaitedRecord {
	next := s.Waited
	next.Boot, next.Since = now.Boot, now.Since
	if now.Boot == s.Waited.Boot {
		next.Spent += max(0, now.Since-s.Waited.Since)
		return next
	}
	next.Spent += now.Since
	next.Boots++
	next.True = nil
	return next
}

// WorthJournaling reports whether the journal should know it. A machine that looks often does not fill its
// disk with that.
func (s *Suspension) WorthJournaling(next WaitedRecord) bool {
	return next.Boot != s.Waited.Boot || (next.True == nil) != (s.Waited.True == nil) || next.Spent-s.Waited.Spent >= s.Within/16
}

// Left is how much of its time a wait has.
func (s *Suspension) Left(now host.Moment) time.Duration { return max(0, s.Within-s.After(now).Spent) }

// NoneSuspended refuses a run while another one waits, or could not be rolled back to its end: what it did is
// neither kept nor rolled back yet, and the machine may go down at any moment.
func NoneSuspended(settled []Result) error {
	for _, result := range settled {
		if result.Unfinished {
			return &Unsettled{Run: result.Run, Err: result.Err}
		}
		if result.Status == StatusSuspended {
			return fault.New(fault.Refused, "run-suspended", "run %s is suspended: it waits for %s", result.Run, result.Waits).
				WithHint("`gwe recover` continues it when its time has come, `gwe confirm` confirms one that waits for that, `gwe cancel` rolls it back")
		}
	}
	return nil
}

// Cause is why a run is suspended.
type Cause string

const (
	CauseReboot  Cause = "reboot"
	CauseConfirm Cause = "confirm"
	// CauseReturn is the reboot into the previous system, once all is rolled back.
	CauseReturn Cause = "return"
)

// Awaited says for people what the run waits for.
func (r SuspendedRecord) Awaited() string {
	switch r.Cause {
	case CauseConfirm:
		return fmt.Sprintf("a confirmation, within %s", value.DurationOf(r.Within))
	case CauseReturn:
		return fmt.Sprintf("the reboot into the previous system, within %s", value.DurationOf(r.Within))
	}
	return fmt.Sprintf("the reboot, within %s", value.DurationOf(r.Within))
}

// ServicesAwaited says for people what such a run waits for.
const ServicesAwaited = "the services that its undo needs"

// Empty reports whether nothing is left to do.
func (r PutOffRecord) Empty() bool { return len(r.Steps) == 0 && !r.Own }

// Waiting finds a suspended run; id "" is any.
func Waiting(s State, id string) (*StoredRun, error) {
	ids, err := s.Runs()
	if err != nil {
		return nil, err
	}
	for _, one := range ids {
		if id != "" && one != id {
			continue
		}
		if p, err := Peek(s, one); err == nil && p != nil && p.Ended == nil && !p.ClosedByOperator() && (p.Suspension != nil || p.Awaiting) {
			return p, nil
		}
	}
	return nil, fault.New(fault.Refused, "cancel-nothing", "no run is in progress in %s", s.Directory).WithHint("`gwe status` tells what is in progress")
}
