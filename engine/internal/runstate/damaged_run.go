package runstate

import (
	"os"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// DamagedRun is a run whose journal cannot be read.
type DamagedRun struct {
	Directory RunDirectory
	// Why is what peek said.
	Why error
	// Rest is what could be salvaged, without what a damaged record held; nil if that is nothing.
	Rest *StoredRun
	// Ended reports whether the run is known to have ended. Then it owes no undo, and only its own rollback
	// is lost.
	Ended bool
	// noted are its locks, where no journal tells them but the note beside the state directory.
	noted []string
	// Resolved is how an operator closed it; nil if nobody did.
	Resolved *Resolution
}

// closings are the kinds of records that only a run which has ended has as its last one.
var closings = []string{RecordEnd, RecordCleaned, RecordReleasing, RecordReleased}

// DamagedRunOf finds out what can still be known of a run that peek could not read.
func DamagedRunOf(s State, id string, why error) DamagedRun {
	w := DamagedRun{Directory: DirectoryOf(s, id), Why: why}
	w.Resolved = w.Directory.resolution()
	for _, one := range ReadUnfinished(s) {
		if one.Run == id {
			w.noted = one.Locks
		}
	}
	if w.Directory.Check() != nil || w.Newer() {
		return w
	}
	saved, err := journal.Salvage(w.Directory.Journal())
	w.Ended = err == nil && saved.ToEnd && slices.Contains(closings, saved.Records[len(saved.Records)-1].Kind)
	w.Ended = w.Ended || s.passed(id) && w.Directory.loggedEnd()
	if err != nil || len(saved.Records) == 0 {
		return w
	}
	w.Rest = &StoredRun{Recorded: salvaged(saved.Records), Directory: w.Directory, Records: saved.Records}
	return w
}

// salvaged folds the records that a damaged journal still has. What does not fit in with the others is passed
// over, but for the result of a step whose intent is gone: the step has acted.
func salvaged(records []journal.Record) *Recorded {
	h := NewRecorded()
	h.began = true
	h.steps = newStepList()
	for _, record := range records {
		decoded, err := DecodeRecord(record.Kind, record.Data)
		if err != nil {
			continue
		}
		if begin, ok := decoded.(BeginRecord); ok {
			h.Begin = begin
			continue
		}
		if r, ok := decoded.(ResultRecord); ok && record.Kind == RecordResult && r.Frame != 0 && h.frame(r.Frame) == nil {
			_ = h.add(&Frame{Number: r.Frame, step: r.Step, id: r.ID, shown: r.ShownRecord, Rounds: r.Rounds})
		}
		_ = h.Take(record.Kind, decoded)
	}
	return h
}

// Newer reports whether a newer gwe wrote the journal. That is not damage: that gwe reads it.
func (w DamagedRun) Newer() bool {
	found := fault.As(w.Why)
	return found != nil && strings.HasPrefix(found.Code, "journal-newer-")
}

// Blocks reports whether the run may still owe an undo, so that no other run may begin before an operator has
// looked.
func (w DamagedRun) Blocks() bool { return !w.Ended && w.Resolved == nil }

// targets are the locks of the run as far as they could be salvaged.
func (w DamagedRun) targets() []string {
	if w.Rest == nil {
		return w.noted
	}
	return w.Rest.Begin.Locks
}

// Listed names the locks of a run for people.
func Listed(locks []string) string {
	if len(locks) == 0 {
		return "a target that is not known any more"
	}
	return strings.Join(locks, ", ")
}

// Fault says what is wrong with the run, and what to do about it.
func (w DamagedRun) Fault() error {
	found := fault.As(w.Why)
	if found == nil || w.Newer() {
		return w.Why
	}
	id := w.Directory.ID()
	if w.Resolved != nil {
		return fault.New(found.Class, found.Code, "%s; the run was resolved by %s: %s", w.Why, w.Resolved.By, w.Resolved.Reason)
	}
	if w.Ended {
		return fault.New(found.Class, found.Code, "%s; the run had ended, so only its own rollback is lost", w.Why).
			WithHint("`gwe resolve %s --reason TEXT` sets it aside", id)
	}
	where := Listed(w.targets())
	hint := "read what it did (`gwe show %[1]s`, `gwe log %[1]s`), put the machine right by hand, then set it aside: `gwe resolve %[1]s --reason TEXT`"
	if found.Code == "run-not-a-directory" || found.Code == "journal-unreadable" {
		hint = "restore what was moved away or replaced, if it is still there; else " + hint
	}
	return fault.New(found.Class, found.Code, "%s; it may still owe an undo on %s", w.Why, where).WithHint(hint, id)
}

// Summary is what a list of runs tells of it.
func (w DamagedRun) Summary() Summary {
	told := Summary{Run: w.Directory.ID()}
	if w.Rest != nil {
		told = w.Rest.Summary()
		if w.Ended {
			told.Was = told.Status
		}
	}
	told.Status, told.Waits, told.Suspension, told.Standing = StatusDamaged, "", nil, false
	told.say(w.Fault())
	told.Blocks, told.Targets, told.Resolved = w.Blocks(), w.targets(), w.Resolved
	return told
}

// detail is what can still be read of the run, and why that is not all.
func (w DamagedRun) detail() (Detail, error) {
	told := Detail{Steps: []StepDetail{}}
	if w.Rest != nil {
		told = w.Rest.detail()
	}
	told.Summary, told.Leases = w.Summary().advised(), nil
	return told, w.Fault()
}

// passed reports whether a later run began here. It did so only after all runs before it had ended.
func (s State) passed(id string) bool {
	ids, _ := s.Runs()
	return slices.ContainsFunc(ids, func(later string) bool {
		if later <= id {
			return false
		}
		p, err := Peek(s, later)
		return err == nil && p != nil
	})
}

// loggedEnd reports whether the newest log of the run tells of the end of the work on it.
func (r RunDirectory) loggedEnd() bool {
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

// EndedWithout reports whether it is known that the run ended without a change that a rollback would undo.
func (w DamagedRun) EndedWithout() bool {
	if !w.Ended || w.Rest == nil {
		return false
	}
	end := w.Rest.Ended
	return end != nil && (end.Status == StatusRefused || end.Status == StatusRestored || end.Status == StatusRolledBack)
}
