package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/host"
)

// recorded is what the journal of a run says by itself, without the run's recipe: the one fold of its records. A live run and a recovery
// bind it to the recipe, as runState; all that only looks at a run, as the list of runs, reads it as it is.
//
// Records that cannot follow on those before them are refused, so nothing acts on a journal that contradicts itself.
type recorded struct {
	begin beginRecord
	began bool
	// version is that of the gwe that took the run over last; "" if none did.
	version string

	// guard lies around frames: branches work on them side by side.
	guard sync.Mutex
	// frames are in the order of their making. Frame numbers start at 1; one that was given out may have no frame.
	frames   []*recordedFrame
	byNumber map[int]*recordedFrame
	// committed is how many frames there were at the commit; -1 before it, and once a rollback has begun.
	committed int
	// kept are the frames of steps that the commit kept; a rollback changes nothing in it.
	kept    []*recordedFrame
	stopped *stepRecord
	// failure is why the run turned back; nil while it goes forward.
	failure *errorRecord
	// releasing is set if the retention of the undo data began to end; released if it has ended.
	releasing, released bool
	// rollback is true if a committed run is rolled back by hand.
	rollback bool
	// ended is how the run ended; nil until then, and from the beginning of a rollback on.
	ended *endRecord

	// worked is how long the processes before this one worked on the way forward.
	worked time.Duration
	// suspension is what the run waits for; nil while it does not. waited is set once it ever did.
	suspension *suspension
	waited     bool
	// rebooted is the reboot that the run has made, and that its rollback has to take back; stranded is why that could not be done.
	rebooted *suspendedRecord
	stranded *errorRecord
	// handed is set if the last record hands the run to another gwe.
	handed *handedOverRecord

	// awaiting is true if all is done that needs no service, and the rest waits for them. looked is when a recovery first looked
	// at the run in the boot of the last one that did.
	awaiting bool
	looked   host.Moment
	// closing is true if what the steps after the commit kept may be gone.
	closing bool
	// stalled is the last word of a recovery that could not do all; lastHeld is the same, if it is the last record.
	stalled  heldRecord
	lastHeld *heldRecord
	// boots are those in which a recovery began since one got on; lastBoot is the last one in which any did.
	boots    []string
	lastBoot string
	// processes are the children that were started, in order.
	processes []processRecord

	// undoErrors are all errors of undos, in the order in which they came. undoFailed is set if any undo ever left something unrestored.
	undoErrors []errorRecord
	undoFailed bool
	// aside are the directories to which undos moved what came after the commit.
	aside []string
	// abandoned is what the run kept and what gwe leaves for good.
	abandoned []abandonedRecord
	// steps lists the steps for the operator; nil if no operator asked.
	steps *stepList
}

func newRecorded() *recorded { return &recorded{committed: -1, byNumber: map[int]*recordedFrame{}} }

// apply decodes one record and takes it in.
func (h *recorded) apply(kind string, data json.RawMessage) error {
	decoded, err := decodeRecord(kind, data)
	if err != nil {
		return err
	}
	return h.take(kind, decoded)
}

// take takes one decoded record in; see decodeRecord.
func (h *recorded) take(kind string, decoded any) error {
	if err := h.follows(kind); err != nil {
		return err
	}
	h.handed, h.lastHeld = nil, nil
	h.countBoot(kind, decoded)
	if h.steps != nil {
		h.steps.take(kind, decoded)
	}
	switch r := decoded.(type) {
	case beginRecord:
		h.begin, h.began = r, true
	case intentRecord:
		return h.takeIntent(r)
	case enteredRecord:
		return h.add(&recordedFrame{number: r.Frame, step: r.Step, rounds: r.Rounds, part: r.Part, owesLast: r.Part == partLast, memo: json.RawMessage("null")})
	case resultRecord:
		if kind == recordResult && r.Frame != 0 {
			return h.ofFrame(r.Frame, func(f *recordedFrame) { f.done, f.saved = true, r.Saved })
		}
	case undoneRecord:
		return h.takeUndone(kind, r)
	case putOffRecord:
		return h.takePutOff(r)
	case putBackRecord:
		h.beginUndo(slices.DeleteFunc(h.numbered(r.Frames), func(f *recordedFrame) bool { return f == nil }))
	case committedRecord:
		h.takeCommitted(r)
	case stepRecord:
		if kind == recordStopped {
			h.stopped = &r
		}
	case unwindRecord:
		if kind == recordRollback {
			h.takeRollback(r)
		} else {
			h.takeUnwind(r)
		}
	case troubleRecord:
		h.takeTrouble(kind, r)
	case suspendedRecord:
		h.takeSuspended(r)
	case waitedRecord:
		h.suspension.waited = r
	case resumedRecord:
		h.takeResumed()
	case handedOverRecord:
		h.worked, h.handed = r.Worked, &r
	case takenOverRecord:
		h.version = r.Version
	case recoveryRecord:
		h.version = r.Version
		if h.looked.Boot != r.Boot {
			h.looked = host.Moment{Boot: r.Boot, Since: r.Since}
		}
	case heldRecord:
		h.stalled, h.lastHeld = r, &r
	case processRecord:
		h.processes = append(h.processes, r)
	case releasedRecord:
		h.released = true
		h.abandoned = append(h.abandoned, r.Abandoned...)
	case endRecord:
		h.takeEnd(r)
	default:
		h.takeMarker(kind)
	}
	return nil
}

// takeMarker takes in a record that says all by its kind.
func (h *recorded) takeMarker(kind string) {
	switch kind {
	case recordChecked:
		h.beginUndo(h.frames)
	case recordConfirmed:
		h.suspension.confirmed = true
	case recordCancelled:
		h.suspension.cancelled = true
	case recordServices:
		h.awaiting = true
	case recordClosing:
		h.closing = true
	case recordReleasing:
		h.releasing = true
	}
}

func (h *recorded) takeIntent(r intentRecord) error {
	return h.add(&recordedFrame{number: r.Frame, step: r.Step, id: r.ID, shown: r.shownRecord, rounds: r.Rounds, memo: r.Memo, version: r.UndoData,
		writer: h.writer(), saved: r.Saved, leases: r.Leases, targets: r.Targets, parents: r.Parents, before: r.Before})
}

func (h *recorded) add(f *recordedFrame) error {
	h.guard.Lock()
	defer h.guard.Unlock()
	if h.byNumber[f.number] != nil {
		return fmt.Errorf("there are two frames %d", f.number)
	}
	h.frames = append(h.frames, f)
	h.byNumber[f.number] = f
	return nil
}

// takeUndone takes in that a frame's undo is over, as far as the kind says.
func (h *recorded) takeUndone(kind string, r undoneRecord) error {
	h.abandoned = append(h.abandoned, r.Abandoned...)
	h.aside = append(h.aside, r.Kept...)
	if kind == recordCleaned {
		return h.ofFrame(r.Frame, func(f *recordedFrame) { f.leftover = false })
	}
	h.undoErrors = append(h.undoErrors, r.Errors...)
	h.undoFailed = h.undoFailed || r.Broken
	return h.ofFrame(r.Frame, func(f *recordedFrame) {
		f.leftover, f.broken, f.kept, f.undoErrors = r.Leftover, r.Broken, r.Kept, r.Errors
		if kind == recordButLast {
			f.owesLast, f.told, f.rest = true, r.Told, nil
		} else {
			f.undone = true
		}
	})
}

func (h *recorded) takePutOff(r putOffRecord) error {
	h.undoErrors = append(h.undoErrors, r.Errors...)
	h.aside = append(h.aside, r.Kept...)
	return h.ofFrame(r.Frame, func(f *recordedFrame) { f.rest, f.leftover, f.broken, f.kept = &r, r.Leftover, r.Broken, r.Kept })
}

func (h *recorded) takeCommitted(r committedRecord) {
	h.committed = len(h.frames)
	h.kept = nil
	for _, f := range h.frames {
		if f.part == "" && !f.undone && !f.owesLast {
			h.kept = append(h.kept, f)
		}
	}
	for number, saved := range r.Saved {
		if f := h.frame(number); f != nil {
			f.saved = saved
		}
	}
}

// takeUnwind turns the run back, and ends its wait. A reboot that led where it should has to be taken back. A record of one frame is from
// before parts of a run had records of their own.
func (h *recorded) takeUnwind(r unwindRecord) {
	if r.Frame != 0 {
		return
	}
	if r.Back != nil || r.Left {
		h.rebooted = r.Back
	}
	h.failure, h.suspension = &r.Error, nil
	if r.Checked {
		h.beginUndo(h.frames)
	}
}

// takeRollback takes the commit back: all frames can be undone again, if nothing that they need was given up when the run ended.
func (h *recorded) takeRollback(r unwindRecord) {
	h.failure, h.committed, h.rollback, h.undoErrors, h.rebooted = &r.Error, -1, true, nil, r.Back
	h.ended, h.awaiting = nil, false
	if r.Checked {
		h.beginUndo(h.frames)
	}
}

func (h *recorded) takeTrouble(kind string, r troubleRecord) {
	switch kind {
	case recordMishap:
		h.undoErrors = append(h.undoErrors, r.Error)
	case recordStranded: // all is rolled back, and the machine did not boot the previous system
		h.stranded, h.suspension, h.rebooted = &r.Error, nil, nil
		h.undoErrors = append(h.undoErrors, r.Error)
	}
}

func (h *recorded) takeSuspended(r suspendedRecord) {
	h.worked, h.waited = r.Worked, true
	h.suspension = &suspension{suspendedRecord: r, waited: waitedRecord{Boot: r.Boot, Since: r.Since}}
}

func (h *recorded) takeResumed() {
	switch h.suspension.Cause {
	case causeReboot:
		h.rebooted = &h.suspension.suspendedRecord
	case causeReturn:
		h.rebooted = nil
	}
	h.suspension = nil
}

// takeEnd ends the run. What could not be cleaned up is still a leftover.
func (h *recorded) takeEnd(r endRecord) {
	for _, number := range r.Leftovers {
		if f := h.frame(number); f != nil {
			f.leftover = true
		}
	}
	h.ended, h.suspension, h.awaiting = &r, nil, false
	h.undoFailed = h.undoFailed || r.Status == StatusBroken
	h.abandoned = append(h.abandoned, r.Abandoned...)
}

// writer is the version of the gwe that worked on the run last: the one that began it, took it over, or recovered it.
func (h *recorded) writer() string {
	if h.version != "" {
		return h.version
	}
	return h.begin.Version
}
