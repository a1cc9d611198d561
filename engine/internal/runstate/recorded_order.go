package runstate

import (
	"fmt"
	"slices"
)

// Follows refuses a record that cannot come after those before it.
func (h *Recorded) Follows(kind string) error {
	switch {
	case kind == recordHeader:
		return nil
	case kind == RecordBegin && h.began:
		return fmt.Errorf("the run has begun before")
	case kind != RecordBegin && !h.began:
		return fmt.Errorf("the run has not begun")
	case h.Ended != nil && slices.Contains(beforeEnd, kind):
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

// beforeEnd are the kinds of records that say what a run does, so that none follows its end. What cleans up
// after it, and starts programs for that, comes later.
var beforeEnd = []string{
	RecordIntent, RecordEntered, RecordResult, RecordCommitted, RecordStopped, RecordSuspended, RecordHandedOver, RecordTakenOver,
	RecordUnwind, RecordPutOff, RecordUndone, RecordButLast, RecordEnd,
}

// ofSuspension are the kinds of records that need a run which is suspended.
var ofSuspension = []string{RecordWaited, RecordConfirmed, RecordCancelled, RecordResumed}
