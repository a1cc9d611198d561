package runstate

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/host"
)

// Recorded is what the journal of a run says by itself, without the run's recipe: the one fold of its
// records. A live run and a recovery bind it to the recipe, as runState; all that only looks at a run, as the
// list of runs, reads it as it is.
//
// Records that cannot follow on those before them are refused, so nothing acts on a journal that contradicts
// itself.
type Recorded struct {
	Begin BeginRecord
	began bool
	// version is that of the gwe that took the run over last; "" if none did.
	version string

	// Guard lies around frames: branches work on them side by side.
	Guard sync.Mutex
	// frames are in the order of their making. Frame numbers start at 1; one that was given out may have no
	// frame.
	frames   []*Frame
	ByNumber map[int]*Frame
	// Committed is how many frames there were at the commit; -1 before it, and once a rollback has begun.
	Committed int
	// kept are the frames of steps that the commit kept; a rollback changes nothing in it.
	kept    []*Frame
	Stopped *StepRecord
	// Failure is why the run turned back; nil while it goes forward.
	Failure *ErrorRecord
	// Releasing is set if the retention of the undo data began to end; released if it has ended.
	Releasing, Released bool
	// Rollback is true if a committed run is rolled back by hand.
	Rollback bool
	// Ended is how the run ended; nil until then, and from the beginning of a rollback on.
	Ended *EndRecord

	// Worked is how long the processes before this one worked on the way forward.
	Worked time.Duration
	// Suspension is what the run waits for; nil while it does not. waited is set once it ever did.
	Suspension *Suspension
	Waited     bool
	// Rebooted is the reboot that the run has made, and that its rollback has to take back; stranded is why
	// that could not be done.
	Rebooted *SuspendedRecord
	Stranded *ErrorRecord
	// Handed is set if the last record hands the run to another gwe.
	Handed *HandedOverRecord

	// Awaiting is true if all is done that needs no service, and the rest waits for them. looked is when a
	// recovery first looked at the run in the boot of the last one that did.
	Awaiting bool
	Looked   host.Moment
	// Closing is true if what the steps after the commit kept may be gone.
	Closing bool
	// Stalled is the last word of a recovery that could not do all; lastHeld is the same, if it is the last
	// record.
	Stalled  HeldRecord
	lastHeld *HeldRecord
	// boots are those in which a recovery began since one got on; lastBoot is the last one in which any did.
	boots    []string
	lastBoot string
	// Processes are the children that were started, in order.
	Processes []ProcessRecord

	// UndoErrors are all errors of undos, in the order in which they came. undoFailed is set if any undo ever
	// left something unrestored.
	UndoErrors []ErrorRecord
	UndoFailed bool
	// aside are the directories to which undos moved what came after the commit.
	aside []string
	// abandoned is what the run kept and what gwe leaves for good.
	abandoned []AbandonedRecord
	// steps lists the steps for the operator; nil if no operator asked.
	steps *stepList
}

func NewRecorded() *Recorded { return &Recorded{Committed: -1, ByNumber: map[int]*Frame{}} }

// apply decodes one record and takes it in.
func (h *Recorded) apply(kind string, data json.RawMessage) error {
	decoded, err := DecodeRecord(kind, data)
	if err != nil {
		return err
	}
	return h.Take(kind, decoded)
}

// Take takes one decoded record in; see DecodeRecord.
func (h *Recorded) Take(kind string, decoded any) error { //nolint:gocyclo // one case a type of record
	if err := h.Follows(kind); err != nil {
		return err
	}
	h.Handed, h.lastHeld = nil, nil
	h.countBoot(kind, decoded)
	if h.steps != nil {
		h.steps.take(kind, decoded)
	}
	switch r := decoded.(type) {
	case BeginRecord:
		h.Begin, h.began = r, true
	case IntentRecord:
		return h.takeIntent(r)
	case EnteredRecord:
		return h.add(&Frame{Number: r.Frame, step: r.Step, Rounds: r.Rounds, Part: r.Part, OwesLast: r.Part == PartLast, Memo: json.RawMessage("null")})
	case ResultRecord:
		if kind == RecordResult && r.Frame != 0 {
			return h.ofFrame(r.Frame, func(f *Frame) { f.Done, f.Saved = true, r.Saved })
		}
	case UndoneRecord:
		return h.takeUndone(kind, r)
	case PutOffRecord:
		return h.takePutOff(r)
	case PutBackRecord:
		h.beginUndo(slices.DeleteFunc(h.numbered(r.Frames), func(f *Frame) bool { return f == nil }))
	case CommittedRecord:
		h.takeCommitted(r)
	case StepRecord:
		if kind == RecordStopped {
			h.Stopped = &r
		}
	case UnwindRecord:
		if kind == RecordRollback {
			h.TakeRollback(r)
		} else {
			h.takeUnwind(r)
		}
	case TroubleRecord:
		h.takeTrouble(kind, r)
	case SuspendedRecord:
		h.TakeSuspended(r)
	case WaitedRecord:
		h.Suspension.Waited = r
	case ResumedRecord:
		h.takeResumed()
	case HandedOverRecord:
		h.Worked, h.Handed = r.Worked, &r
	case TakenOverRecord:
		h.version = r.Version
	case RecoveryRecord:
		h.version = r.Version
		if h.Looked.Boot != r.Boot {
			h.Looked = host.Moment{Boot: r.Boot, Since: r.Since}
		}
	case HeldRecord:
		h.Stalled, h.lastHeld = r, &r
	case ProcessRecord:
		h.Processes = append(h.Processes, r)
	case ReleasedRecord:
		h.Released = true
		h.abandoned = append(h.abandoned, r.Abandoned...)
	case EndRecord:
		h.takeEnd(r)
	default:
		h.takeMarker(kind)
	}
	return nil
}

// takeMarker takes in a record that says all by its kind.
func (h *Recorded) takeMarker(kind string) {
	switch kind {
	case RecordChecked:
		h.beginUndo(h.frames)
	case RecordConfirmed:
		h.Suspension.Confirmed = true
	case RecordCancelled:
		h.Suspension.Cancelled = true
	case RecordServices:
		h.Awaiting = true
	case RecordClosing:
		h.Closing = true
	case RecordReleasing:
		h.Releasing = true
	}
}

func (h *Recorded) takeIntent(r IntentRecord) error {
	return h.add(&Frame{Number: r.Frame, step: r.Step, id: r.ID, shown: r.ShownRecord, Rounds: r.Rounds, Memo: r.Memo, Version: r.UndoData,
		Writer: h.writer(), Saved: r.Saved, Leases: r.Leases, Targets: r.Targets, Parents: r.Parents, before: r.Before})
}

func (h *Recorded) add(f *Frame) error {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	if h.ByNumber[f.Number] != nil {
		return fmt.Errorf("there are two frames %d", f.Number)
	}
	h.frames = append(h.frames, f)
	h.ByNumber[f.Number] = f
	return nil
}

// takeUndone takes in that a frame's undo is over, as far as the kind says.
func (h *Recorded) takeUndone(kind string, r UndoneRecord) error {
	h.abandoned = append(h.abandoned, r.Abandoned...)
	h.aside = append(h.aside, r.Kept...)
	if kind == RecordCleaned {
		return h.ofFrame(r.Frame, func(f *Frame) { f.Leftover = false })
	}
	h.UndoErrors = append(h.UndoErrors, r.Errors...)
	h.UndoFailed = h.UndoFailed || r.Broken
	return h.ofFrame(r.Frame, func(f *Frame) {
		f.Leftover, f.Broken, f.Kept, f.undoErrors = r.Leftover, r.Broken, r.Kept, r.Errors
		if kind == RecordButLast {
			f.OwesLast, f.Told, f.Rest = true, r.Told, nil
		} else {
			f.Undone = true
		}
	})
}

func (h *Recorded) takePutOff(r PutOffRecord) error {
	h.UndoErrors = append(h.UndoErrors, r.Errors...)
	h.aside = append(h.aside, r.Kept...)
	return h.ofFrame(r.Frame, func(f *Frame) { f.Rest, f.Leftover, f.Broken, f.Kept = &r, r.Leftover, r.Broken, r.Kept })
}

func (h *Recorded) takeCommitted(r CommittedRecord) {
	h.Committed = len(h.frames)
	h.kept = nil
	for _, f := range h.frames {
		if f.Part == "" && !f.Undone && !f.OwesLast {
			h.kept = append(h.kept, f)
		}
	}
	for number, saved := range r.Saved {
		if f := h.frame(number); f != nil {
			f.Saved = saved
		}
	}
}

// takeUnwind turns the run back, and ends its wait. A reboot that led where it should has to be taken back. A
// record of one frame is from before parts of a run had records of their own.
func (h *Recorded) takeUnwind(r UnwindRecord) {
	if r.Frame != 0 {
		return
	}
	if r.Back != nil || r.Left {
		h.Rebooted = r.Back
	}
	h.Failure, h.Suspension = &r.Error, nil
	if r.Checked {
		h.beginUndo(h.frames)
	}
}

// TakeRollback takes the commit back: all frames can be undone again, if nothing that they need was given up
// when the run ended.
func (h *Recorded) TakeRollback(r UnwindRecord) {
	h.Failure, h.Committed, h.Rollback, h.UndoErrors, h.Rebooted = &r.Error, -1, true, nil, r.Back
	h.Ended, h.Awaiting = nil, false
	if r.Checked {
		h.beginUndo(h.frames)
	}
}

func (h *Recorded) takeTrouble(kind string, r TroubleRecord) {
	switch kind {
	case RecordMishap:
		h.UndoErrors = append(h.UndoErrors, r.Error)
	case RecordStranded: // all is rolled back, and the machine did not boot the previous system
		h.Stranded, h.Suspension, h.Rebooted = &r.Error, nil, nil
		h.UndoErrors = append(h.UndoErrors, r.Error)
	}
}

func (h *Recorded) TakeSuspended(r SuspendedRecord) {
	h.Worked, h.Waited = r.Worked, true
	h.Suspension = &Suspension{SuspendedRecord: r, Waited: WaitedRecord{Boot: r.Boot, Since: r.Since}}
}

func (h *Recorded) takeResumed() {
	switch h.Suspension.Cause {
	case CauseReboot:
		h.Rebooted = &h.Suspension.SuspendedRecord
	case CauseReturn:
		h.Rebooted = nil
	}
	h.Suspension = nil
}

// takeEnd ends the run. What could not be cleaned up is still a leftover.
func (h *Recorded) takeEnd(r EndRecord) {
	for _, number := range r.Leftovers {
		if f := h.frame(number); f != nil {
			f.Leftover = true
		}
	}
	if h.Rollback && r.Status == StatusRestored {
		r.Status = StatusRolledBack // older journals say both by one word
	}
	h.Ended, h.Suspension, h.Awaiting = &r, nil, false
	h.UndoFailed = h.UndoFailed || r.Status == StatusBroken
	h.abandoned = append(h.abandoned, r.Abandoned...)
}

// writer is the version of the gwe that worked on the run last: the one that began it, took it over, or
// recovered it.
func (h *Recorded) writer() string {
	if h.version != "" {
		return h.version
	}
	return h.Begin.Version
}
