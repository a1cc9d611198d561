package engine

import (
	"os"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// damagedRun is a run whose journal cannot be read.
type damagedRun struct {
	folder runFolder
	// why is what peek said.
	why error
	// rest is what could be salvaged, without what a damaged record held; nil if that is nothing.
	rest *storedRun
	// ended reports whether the run is known to have ended. Then it owes no undo, and only its own rollback is lost.
	ended bool
	// noted are its locks, where no journal tells them but the note beside the state directory.
	noted []string
	// resolved is how an operator closed it; nil if nobody did.
	resolved *Resolution
}

// closings are the kinds of records that only a run which has ended has as its last one.
var closings = []string{recordEnd, recordCleaned, recordReleasing, recordReleased}

// wreckOf finds out what can still be known of a run that peek could not read.
func (s State) wreckOf(id string, why error) damagedRun {
	w := damagedRun{folder: s.run(id), why: why}
	w.resolved = w.folder.resolution()
	for _, one := range s.readUnfinished() {
		if one.Run == id {
			w.noted = one.Locks
		}
	}
	if w.folder.check() != nil || w.newer() {
		return w
	}
	saved, err := journal.Salvage(w.folder.journal())
	w.ended = err == nil && saved.ToEnd && slices.Contains(closings, saved.Records[len(saved.Records)-1].Kind)
	w.ended = w.ended || s.passed(id) && w.folder.loggedEnd()
	if err != nil || len(saved.Records) == 0 {
		return w
	}
	w.rest = &storedRun{recorded: salvaged(saved.Records), folder: w.folder, records: saved.Records}
	return w
}

// salvaged folds the records that a damaged journal still has. What does not fit in with the others is passed over, but for the result of a
// step whose intent is gone: the step has acted.
func salvaged(records []journal.Record) *recorded {
	h := newRecorded()
	h.began = true
	h.steps = newStepList()
	for _, record := range records {
		decoded, err := decodeRecord(record.Kind, record.Data)
		if err != nil {
			continue
		}
		if begin, ok := decoded.(beginRecord); ok {
			h.begin = begin
			continue
		}
		if r, ok := decoded.(resultRecord); ok && record.Kind == recordResult && r.Frame != 0 && h.frame(r.Frame) == nil {
			_ = h.add(&recordedFrame{number: r.Frame, step: r.Step, id: r.ID, shown: r.shownRecord, rounds: r.Rounds})
		}
		_ = h.take(record.Kind, decoded)
	}
	return h
}

// newer reports whether a newer gwe wrote the journal. That is no damage: that gwe reads it.
func (w damagedRun) newer() bool {
	found := fault.As(w.why)
	return found != nil && strings.HasPrefix(found.Code, "journal-newer-")
}

// blocks reports whether the run may still owe an undo, so that no other run may begin before an operator has looked.
func (w damagedRun) blocks() bool { return !w.ended && w.resolved == nil }

// targets are the locks of the run as far as they could be salvaged.
func (w damagedRun) targets() []string {
	if w.rest == nil {
		return w.noted
	}
	return w.rest.begin.Locks
}

// listed names the locks of a run for people.
func listed(locks []string) string {
	if len(locks) == 0 {
		return "a target that is not known any more"
	}
	return strings.Join(locks, ", ")
}

// fault says what is wrong with the run, and what to do about it.
func (w damagedRun) fault() error {
	found := fault.As(w.why)
	if found == nil || w.newer() {
		return w.why
	}
	id := w.folder.id()
	if w.resolved != nil {
		return fault.New(found.Class, found.Code, "%s; the run was resolved by %s: %s", w.why, w.resolved.By, w.resolved.Reason)
	}
	if w.ended {
		return fault.New(found.Class, found.Code, "%s; the run had ended, so only its own rollback is lost", w.why).
			WithHint("`gwe resolve %s --reason TEXT` sets it aside", id)
	}
	where := listed(w.targets())
	hint := "read what it did (`gwe show %[1]s`, `gwe log %[1]s`), put the machine right by hand, then set it aside: `gwe resolve %[1]s --reason TEXT`"
	if found.Code == "run-not-a-folder" || found.Code == "journal-unreadable" {
		hint = "put back what was moved away or replaced, if it is still there; else " + hint
	}
	return fault.New(found.Class, found.Code, "%s; it may still owe an undo on %s", w.why, where).WithHint(hint, id)
}

// summary is what a list of runs tells of it.
func (w damagedRun) summary() Summary {
	told := Summary{Run: w.folder.id()}
	if w.rest != nil {
		told = w.rest.summary()
		if w.ended {
			told.Was = told.Status
		}
	}
	told.Status, told.Waits, told.waits, told.Standing = StatusDamaged, "", nil, false
	told.say(w.fault())
	told.Blocks, told.Targets, told.Resolved = w.blocks(), w.targets(), w.resolved
	return told
}

// detail is what can still be read of the run, and why that is not all.
func (w damagedRun) detail() (Detail, error) {
	told := Detail{Steps: []StepDetail{}}
	if w.rest != nil {
		told = w.rest.detail()
	}
	told.Summary, told.Leases = w.summary().advised(), nil
	return told, w.fault()
}

// passed reports whether a later run began here. It did so only after all runs before it had ended.
func (s State) passed(id string) bool {
	ids, _ := s.Runs()
	return slices.ContainsFunc(ids, func(later string) bool {
		if later <= id {
			return false
		}
		p, err := s.peek(later)
		return err == nil && p != nil
	})
}

// loggedEnd reports whether the newest log of the run tells of the end of the work on it.
func (r runFolder) loggedEnd() bool {
	files, err := r.listLogs()
	if err != nil || len(files) == 0 {
		return false
	}
	log, err := regular.Open(files[len(files)-1], os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer log.Close()
	var seen lastEvent
	damaged, err := tasklog.Replay(log, &seen)
	return damaged == 0 && err == nil && seen.Kind == tasklog.Ended && seen.Task == rootTask
}

// rootTask is the number of the task that is all of a process's work on a run.
const rootTask = 1

// lastEvent keeps the last event of a log.
type lastEvent tasklog.Event

// Handle implements tasklog.Sink.
func (l *lastEvent) Handle(event tasklog.Event) { *l = lastEvent(event) }
