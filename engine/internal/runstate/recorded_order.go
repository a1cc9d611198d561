package runstate

import (
	"fmt"
	"slices"
)

// follows refuses a record that cannot come after those before it.
func (h *Recorded) follows(kind string) error {
	switch {
	case kind == recordHeader:
		return nil
	case kind == RecordBegin && h.began:
		return fmt.Errorf("the run has begun before")
	case kind != RecordBegin && !h.began:
		return fmt.Errorf("the run has not begun")
	case h.Ended != nil && !slices.Contains(afterEnd, kind):
		return fmt.Errorf("the run has ended")
	case h.Suspension == nil && slices.Contains(ofSuspension, kind):
		return fmt.Errorf("the run is not suspended")
	case kind == RecordCommitted && (h.Committed >= 0 || h.Failure != nil):
		return fmt.Errorf("the run has committed, or turned back")
	case kind == RecordRollback && h.Committed < 0:
		return fmt.Errorf("the run has not committed")
	case (kind == RecordIntent || kind == RecordEntered) && h.Failure != nil:
		return fmt.Errorf("the run has turned back")
	}
	return nil
}

// afterEnd are the kinds of records that may follow the end of a run.
var afterEnd = []string{RecordCleaned, RecordReleasing, RecordReleased, RecordRollback}

// ofSuspension are the kinds of records that need a run which is suspended.
var ofSuspension = []string{RecordWaited, RecordConfirmed, RecordCancelled, RecordResumed}
