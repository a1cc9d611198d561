package engine

import (
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
)

// suspendedRecord says what a run waits for. Times are nanoseconds that no setting of a clock changes.
type suspendedRecord struct {
	Step string `json:"step"`
	ID   string `json:"id,omitempty"`
	shownRecord
	Cause cause `json:"cause"`
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

// waitedRecord notes how far a wait came: at each boot, now and then within one, and when its condition changed.
type waitedRecord struct {
	Boot  string        `json:"boot"`
	Since time.Duration `json:"since"`
	// Spent is the time that the machine was on since the wait began, and Boots how often it booted.
	Spent time.Duration `json:"spent"`
	Boots int           `json:"boots"`
	// True is the time spent when the condition became true; absent while it is not.
	True *time.Duration `json:"true,omitempty"`
}

// resumedRecord ends a wait well, and the step with it.
type resumedRecord struct {
	Step string `json:"step"`
	Boot string `json:"boot"`
	PID  int    `json:"pid"`
}

// suspension is what a run waits for, and how far it came.
type suspension struct {
	suspendedRecord
	waited    waitedRecord
	confirmed bool
	cancelled bool
}

// after is how far the wait is at a moment. Time in which the machine is off does not count, for nothing measures it.
func (s *suspension) after(now host.Moment) waitedRecord {
	next := s.waited
	next.Boot, next.Since = now.Boot, now.Since
	if now.Boot == s.waited.Boot {
		next.Spent += max(0, now.Since-s.waited.Since)
		return next
	}
	next.Spent += now.Since
	next.Boots++
	next.True = nil
	return next
}

// worthJournaling tells whether the journal should know it. A machine that looks often does not fill its disk with that.
func (s *suspension) worthJournaling(next waitedRecord) bool {
	return next.Boot != s.waited.Boot || (next.True == nil) != (s.waited.True == nil) || next.Spent-s.waited.Spent >= s.Within/16
}

// left is how much of its time a wait has.
func (s *suspension) left(now host.Moment) time.Duration { return max(0, s.Within-s.after(now).Spent) }

// noneSuspended refuses a run while another one waits, or could not be put back to its end: what it did is neither kept nor put back yet, and
// the machine may go down at any moment.
func noneSuspended(settled []Result) error {
	for _, result := range settled {
		if result.unfinished {
			return &Unsettled{Run: result.Run, Err: result.Err}
		}
		if result.Status == StatusSuspended {
			return fault.New(fault.Refused, "run-suspended", "run %s is suspended: it waits for %s", result.Run, result.Waits).
				WithHint("`gwe recover` goes on with it when its time has come, `gwe confirm` confirms one that waits for that, `gwe cancel` puts it back")
		}
	}
	return nil
}
