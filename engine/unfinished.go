package engine

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
)

// unfinishedRecord is a run that has not ended, noted beside the state directory: whoever deletes that deletes all that is known of
// the run otherwise. It is best effort, and serves to tell an operator of it; no undo can be made of it.
type unfinishedRecord struct {
	Run    string    `json:"run"`
	Recipe string    `json:"recipe"`
	Locks  []string  `json:"locks,omitempty"`
	Began  time.Time `json:"began"`
	// Process is what worked on it last.
	Process process.Identity `json:"process"`
}

// unfinished is the file of these notes. The state directory's name is in it: several may lie side by side.
func (s State) unfinished() string {
	return filepath.Join(filepath.Dir(s.Folder), durable.Prefix+"unfinished-"+filepath.Base(s.Folder))
}

func (s State) readUnfinished() []unfinishedRecord {
	text, err := durable.ReadNote(s.unfinished())
	var read []unfinishedRecord
	if err != nil || json.Unmarshal(text, &read) != nil {
		return nil
	}
	return slices.DeleteFunc(read, func(one unfinishedRecord) bool { return !runNames.MatchString(one.Run) })
}

func (s State) writeUnfinished(notes []unfinishedRecord) {
	if len(notes) == 0 {
		_ = os.Remove(s.unfinished())
		return
	}
	if text, err := json.Marshal(notes); err == nil {
		_ = durable.WriteNote(s.unfinished(), append(text, '\n'))
	}
}

// noteUnfinished notes that this process works on the run.
func (x *runner) noteUnfinished() {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return
	}
	begin, state := x.state.begin, x.engine.State
	_ = x.engine.recordRun(begin)
	notes := slices.DeleteFunc(state.readUnfinished(), func(one unfinishedRecord) bool { return one.Run == begin.Run })
	state.writeUnfinished(append(notes, unfinishedRecord{
		Run: x.folder.id(), Recipe: begin.Recipe, Locks: begin.Locks, Began: time.Now().UTC(), Process: self,
	}))
}

// forgetUnfinished drops the note of a run that has ended. A commit settles what lost runs with the same lock left, too.
func (x *runner) forgetUnfinished(status Status) {
	x.engine.place().End(x.engine.State.Folder, x.folder.id())
	committed := status == StatusDone || status == StatusCommitted
	state := x.engine.State
	notes := state.readUnfinished()
	left := slices.DeleteFunc(slices.Clone(notes), func(one unfinishedRecord) bool {
		return one.Run == x.folder.id() || committed && state.isLost(one) && sharesLock(one.Locks, x.state.begin.names())
	})
	if len(left) < len(notes) {
		state.writeUnfinished(left)
	}
}

// dropUnfinished drops the notes of runs that are known to have ended: gwe may have died right after the last record.
func (s State) dropUnfinished() {
	notes := s.readUnfinished()
	left := slices.DeleteFunc(slices.Clone(notes), func(one unfinishedRecord) bool {
		p, err := s.peek(one.Run)
		return s.run(one.Run).resolution() != nil || err == nil && p != nil && p.ended != nil
	})
	if len(left) < len(notes) {
		s.writeUnfinished(left)
	}
}

// isLost reports whether the journal of the run was deleted.
func (s State) isLost(one unfinishedRecord) bool {
	_, err := os.Lstat(s.run(one.Run).journal())
	return errors.Is(err, fs.ErrNotExist) && s.run(one.Run).resolution() == nil
}

// lost lists the runs that had begun here, have not ended, and whose journal was deleted.
func (s State) lost() []unfinishedRecord {
	return slices.DeleteFunc(s.readUnfinished(), func(one unfinishedRecord) bool { return !s.isLost(one) })
}

// orphan finds the process that works on a run whose journal was deleted under it; nil where there is none.
func (s State) orphan() *Holder {
	for _, one := range s.lost() {
		if one.Process.Alive() {
			return &Holder{Identity: one.Process, Run: one.Run, Lost: true, Recipe: one.Recipe}
		}
	}
	return nil
}

// refuseOrphan refuses to work on a state folder beside a process that works on it still, but can be seen by its note alone.
func (s State) refuseOrphan() error {
	held := s.orphan()
	if held == nil || held.PID == os.Getpid() {
		return nil
	}
	return fault.New(fault.Refused, "state-deleted", "process %d works on run %s of %s still, and its state folder %s was deleted", held.PID, held.Run, held.Recipe, s.Folder).
		WithHint("wait until it has ended, or let it roll back what it still can: `gwe cancel`")
}

// StatusLost is a run that had begun and of which only a note is left: its journal was deleted.
const StatusLost Status = "lost"

// lostRuns summarises the lost runs on which no process works any more.
func (s State) lostRuns() []Summary {
	runs := []Summary{}
	for _, one := range s.lost() {
		if _, err := s.peek(one.Run); err != nil || one.Process.Alive() {
			continue // it is damaged, or in progress
		}
		told := Summary{Run: one.Run, Recipe: one.Recipe, Status: StatusLost, Started: one.Began, Targets: one.Locks, locks: one.Locks}
		told.say(s.lostFault(one))
		runs = append(runs, told.advised())
	}
	return runs
}

// Lost lists the runs that had begun and whose journal was deleted before they had ended, as a note beside the state directory tells.
func (s State) Lost() []Summary { return s.lostRuns() }

func (s State) lostFault(one unfinishedRecord) error {
	return fault.New(fault.Errored, "run-lost", "run %s of %s had begun, and its journal was deleted: what it changed on %s cannot be undone by gwe",
		one.Run, one.Recipe, listed(one.Locks)).
		WithHint("put back the state directory %[1]s, if it was only moved; else see what the run left, hidden names too (`ls -A`), and put that right by hand, "+
			"or install a version on top; then `gwe resolve %[2]s --reason TEXT`", s.Folder, one.Run)
}

// resolveLost closes a lost run: a directory with the reason takes its place.
func (s State) resolveLost(id string, text []byte) error {
	folder := s.run(id)
	if err := s.prepare(); err != nil {
		return err
	}
	if err := os.Mkdir(string(folder), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return stateUnusable(s.Folder, err)
	}
	if err := durable.WriteFile(folder.resolved(), text, 0o600); err != nil {
		return s.notBegun(err)
	}
	s.writeUnfinished(slices.DeleteFunc(s.readUnfinished(), func(one unfinishedRecord) bool { return one.Run == id }))
	return errors.Join(durable.SyncFolder(string(folder)), durable.SyncFolder(s.runs()))
}
