package runstate

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

// UnfinishedRecord is a run that has not ended, noted beside the state directory: whoever deletes that
// deletes all that is known of the run otherwise. It is best effort, and serves to tell an operator of it; no
// undo can be made of it.
type UnfinishedRecord struct {
	Run    string    `json:"run"`
	Recipe string    `json:"recipe"`
	Locks  []string  `json:"locks,omitempty"`
	Began  time.Time `json:"began"`
	// Process is what worked on it last.
	Process process.Identity `json:"process"`
}

// Unfinished is the file of these notes. The state directory's name is in it: several may lie side by side.
func Unfinished(s State) string {
	return filepath.Join(filepath.Dir(s.Directory), durable.Prefix+"unfinished-"+filepath.Base(s.Directory))
}

func ReadUnfinished(s State) []UnfinishedRecord {
	text, err := durable.ReadNote(Unfinished(s))
	var read []UnfinishedRecord
	if err != nil || json.Unmarshal(text, &read) != nil {
		return nil
	}
	return slices.DeleteFunc(read, func(one UnfinishedRecord) bool { return !runNames.MatchString(one.Run) })
}

func WriteUnfinished(s State, notes []UnfinishedRecord) {
	if len(notes) == 0 {
		_ = os.Remove(Unfinished(s))
		return
	}
	if text, err := json.Marshal(notes); err == nil {
		_ = durable.WriteNote(Unfinished(s), append(text, '\n'))
	}
}

// DropUnfinished drops the notes of runs that are known to have ended: gwe may have died right after the last
// record.
func DropUnfinished(s State) {
	notes := ReadUnfinished(s)
	left := slices.DeleteFunc(slices.Clone(notes), func(one UnfinishedRecord) bool {
		p, err := Peek(s, one.Run)
		return DirectoryOf(s, one.Run).resolution() != nil || err == nil && p != nil && p.Ended != nil
	})
	if len(left) < len(notes) {
		WriteUnfinished(s, left)
	}
}

// IsLost reports whether the journal of the run was deleted.
func IsLost(s State, one UnfinishedRecord) bool {
	_, err := os.Lstat(DirectoryOf(s, one.Run).Journal())
	return errors.Is(err, fs.ErrNotExist) && DirectoryOf(s, one.Run).resolution() == nil
}

// lost lists the runs that had begun here, have not ended, and whose journal was deleted.
func (s State) lost() []UnfinishedRecord {
	return slices.DeleteFunc(ReadUnfinished(s), func(one UnfinishedRecord) bool { return !IsLost(s, one) })
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

// RefuseOrphan refuses to work on a state directory beside a process that works on it still, but can be seen
// by its note alone.
func RefuseOrphan(s State) error {
	held := s.orphan()
	if held == nil || held.PID == os.Getpid() {
		return nil
	}
	return fault.New(fault.Refused, "state-deleted", "process %d works on run %s of %s still, and its state directory %s was deleted", held.PID, held.Run, held.Recipe, s.Directory).
		WithHint("wait until it has ended, or let it roll back what it still can: `gwe cancel`")
}

// StatusLost is a run that had begun and of which only a note is left: its journal was deleted.
const StatusLost Status = "lost"

// LostRuns summarises the lost runs on which no process works any more.
func LostRuns(s State) []Summary {
	runs := []Summary{}
	for _, one := range s.lost() {
		if _, err := Peek(s, one.Run); err != nil || one.Process.Alive() {
			continue // it is damaged, or in progress
		}
		told := Summary{Run: one.Run, Recipe: one.Recipe, Status: StatusLost, Started: one.Began, Targets: one.Locks, Locks: one.Locks}
		told.say(s.lostFault(one))
		runs = append(runs, told.advised())
	}
	return runs
}

// Lost lists the runs that had begun and whose journal was deleted before they had ended, as a note beside
// the state directory tells.
func (s State) Lost() []Summary { return LostRuns(s) }

func (s State) lostFault(one UnfinishedRecord) error {
	return fault.New(fault.Errored, "run-lost", "run %s of %s had begun, and its journal was deleted: what it changed on %s cannot be undone by gwe",
		one.Run, one.Recipe, Listed(one.Locks)).
		WithHint("restore the state directory %[1]s, if it was only moved; else see what the run left, hidden names too (`ls -A`), and put that right by hand, "+
			"or install a version on top; then `gwe resolve %[2]s --reason TEXT`", s.Directory, one.Run)
}

// ResolveLost closes a lost run: a directory with the reason takes its place.
func ResolveLost(s State, id string, text []byte) error {
	directory := DirectoryOf(s, id)
	if err := Prepare(s); err != nil {
		return err
	}
	if err := os.Mkdir(string(directory), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return StateUnusable(s.Directory, err)
	}
	if err := durable.WriteFile(directory.Resolved(), text, 0o600); err != nil {
		return NotBegun(s, err)
	}
	WriteUnfinished(s, slices.DeleteFunc(ReadUnfinished(s), func(one UnfinishedRecord) bool { return one.Run == id }))
	return errors.Join(durable.SyncDirectory(string(directory)), durable.SyncDirectory(RunsDirectory(s)))
}
