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

func (h *runState) applySuspended(r suspendedRecord) error {
	h.worked = r.Worked
	h.suspension = &suspension{suspendedRecord: r, waited: waitedRecord{Boot: r.Boot, Since: r.Since}}
	return nil
}

func (h *runState) applyWaited(r waitedRecord) error {
	if h.suspension != nil {
		h.suspension.waited = r
	}
	return nil
}

func (h *runState) applyConfirmed() {
	if h.suspension != nil {
		h.suspension.confirmed = true
	}
}

func (h *runState) applyResumed(r resumedRecord) error {
	if h.suspension == nil {
		return nil
	}
	switch h.suspension.Cause {
	case causeReboot:
		h.rebooted = &h.suspension.suspendedRecord
	case causeReturn:
		h.rebooted = nil
	}
	h.settled[r.Step], h.suspension = true, nil
	return nil
}

// applyUnwind turns the run back, and ends its wait. A reboot that led where it should has to be taken back.
func (h *runState) applyUnwind(r unwindRecord) error {
	if r.Frame != 0 {
		return nil
	}
	if r.Back != nil || r.Left {
		h.rebooted = r.Back
	}
	h.failure, h.suspension = &r.Error, nil
	if r.Checked {
		h.beginUndo(h.frames)
	}
	return nil
}

// applyStranded notes that all is put back, and that the machine did not go back into the system of before.
func (h *runState) applyStranded(r troubleRecord) error {
	h.stranded, h.suspension, h.rebooted = &r.Error, nil, nil
	h.undoErrors = append(h.undoErrors, r.Error)
	return nil
}

// suspended is what the run waits for; nil where it does not wait.
func (p *storedRun) suspended() *suspendedRecord {
	if waits := p.suspension(); waits != nil {
		return &waits.suspendedRecord
	}
	return nil
}

// left is how much of its time a wait has.
func (s *suspension) left(now host.Moment) time.Duration { return max(0, s.Within-s.after(now).Spent) }

// suspension is that with how far the wait came.
func (p *storedRun) suspension() *suspension {
	var waits *suspension
	for _, record := range p.records {
		switch record.Kind {
		case recordSuspended:
			_ = into(record.Data, func(r suspendedRecord) error {
				waits = &suspension{suspendedRecord: r, waited: waitedRecord{Boot: r.Boot, Since: r.Since}}
				return nil
			})
		case recordWaited:
			_ = into(record.Data, func(r waitedRecord) error {
				if waits != nil {
					waits.waited = r
				}
				return nil
			})
		case recordResumed, recordStranded, recordUnwind, recordEnd:
			waits = nil
		}
	}
	return waits
}

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
