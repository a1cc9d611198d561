package engine

import (
	"fmt"
	"slices"
)

// follows refuses a record that cannot come after those before it.
func (h *recorded) follows(kind string) error {
	switch {
	case kind == recordHeader:
		return nil
	case kind == recordBegin && h.began:
		return fmt.Errorf("the run has begun before")
	case kind != recordBegin && !h.began:
		return fmt.Errorf("the run has not begun")
	case h.ended != nil && !slices.Contains(afterEnd, kind):
		return fmt.Errorf("the run has ended")
	case h.suspension == nil && slices.Contains(ofSuspension, kind):
		return fmt.Errorf("the run is not suspended")
	case kind == recordCommitted && (h.committed >= 0 || h.failure != nil):
		return fmt.Errorf("the run has committed, or turned back")
	case kind == recordRollback && h.committed < 0:
		return fmt.Errorf("the run has not committed")
	case (kind == recordIntent || kind == recordEntered) && h.failure != nil:
		return fmt.Errorf("the run has turned back")
	}
	return nil
}

// afterEnd are the kinds of records that may follow the end of a run.
var afterEnd = []string{recordCleaned, recordReleasing, recordReleased, recordRollback}

// ofSuspension are the kinds of records that need a run which is suspended.
var ofSuspension = []string{recordWaited, recordConfirmed, recordCancelled, recordResumed}
