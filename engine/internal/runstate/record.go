package runstate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/step"
)

// The kinds of journal records. Together they tell all that recovery needs; the frozen recipe tells the rest.
const (
	RecordBegin     = "begin"           // the run exists: who, what, with which inputs, vars and facts
	RecordSkipped   = "skipped"         // a step's guard was false
	RecordIntent    = "intent"          // a frame exists from here: what will be done, and the memo that undoes it
	RecordProcess   = "process"         // a child process was started
	RecordResult    = "result"          // a step ended well: its outputs; its effects are durable
	RecordUnwind    = "unwind"          // the run turns back, and why
	RecordUndoStep  = "undo-step"       // one step of a recipe's undo ended, or of failsafe or finally
	RecordPutOff    = "put-off"         // a frame is rolled back as far as that needs no service; that is durable
	RecordChecked   = "checked"         // what the undos need was found intact, after it was not when the run turned back
	RecordUndone    = "undone"          // a frame is rolled back; its effects are durable
	RecordButLast   = "undone-but-last" // the same, but for what its undo owes when everything older is undone
	RecordCommitted = "committed"       // the point of no return
	RecordStopped   = "stopped"         // a stop step ended the forward path
	RecordRecovery  = "recovery"        // another process took the run over
	RecordHeld      = "held"            // what is left to do cannot be done now, and why; the next recovery tries
	RecordServices  = "services"        // what is left to do needs services, and waits for them
	RecordFailsafe  = "failsafe"        // the failsafe begins
	RecordFinally   = "finally"         // finally begins
	RecordClosing   = "closing"         // all is done and durable; what nobody can ask to undo is given up next
	RecordEnd       = "end"             // how the run ended
	RecordCleaned   = "cleaned"         // leftovers of an ended run are gone
	RecordReleasing = "releasing"       // its undo can no longer be asked for; what its steps kept for that is given up next
	RecordReleased  = "released"        // its undo can no longer be asked for, and its steps keep nothing for that
	RecordRollback  = "rollback"        // a committed run is rolled back by hand from here on

	RecordSuspended  = "suspended"   // the run waits for a reboot or a confirmation, from this moment
	RecordWaited     = "waited"      // how far the wait came
	RecordConfirmed  = "confirmed"   // somebody confirmed the run
	RecordCancelled  = "cancelled"   // somebody cancelled the run while it waited
	RecordResumed    = "resumed"     // the wait is over, and the run is in progress
	RecordHandedOver = "handed-over" // another gwe is to continue the run
	RecordTakenOver  = "taken-over"  // it does
	RecordStranded   = "stranded"    // all is rolled back, but the machine did not reboot into the previous system

	RecordItems    = "items"    // a for-each begins: what it goes over
	RecordBranches = "branches" // a parallel begins
	RecordUsed     = "used"     // a recipe that is used begins: its inputs and vars
	RecordEntered  = "entered"  // a group's own undo, or its finally, is owed from here: a frame
	RecordEnded    = "ended"    // a for-each, a group, a parallel or a use ended well
	RecordPutBack  = "put-back" // a part of the run turns back, and why; the run itself may continue
	RecordRescue   = "rescue"   // that part is rolled back, and its rescue begins
	RecordMishap   = "mishap"   // an error besides the first one: of a rescue, or of a group's finally
)

// recordHeader is the journal's own first record.
const recordHeader = "journal"

// recordKinds are all of them. A journal with another is of a newer gwe: what it says must not be passed
// over.
var recordKinds = []string{
	recordHeader, RecordBegin, RecordSkipped, RecordIntent, RecordProcess, RecordResult, RecordUnwind, RecordUndoStep,
	RecordChecked, RecordUndone, RecordButLast, RecordCommitted, RecordStopped, RecordRecovery, RecordFailsafe, RecordFinally, RecordClosing, RecordEnd,
	RecordCleaned, RecordReleasing, RecordReleased, RecordRollback, RecordPutOff, RecordHeld, RecordServices,
	RecordSuspended, RecordWaited, RecordConfirmed, RecordCancelled, RecordResumed, RecordStranded, RecordHandedOver, RecordTakenOver,
	RecordItems, RecordBranches, RecordUsed, RecordEntered, RecordEnded, RecordPutBack, RecordRescue, RecordMishap,
}

// BeginRecord opens a journal.
type BeginRecord struct {
	Run     string   `json:"run"`
	Recipe  string   `json:"recipe"`
	File    string   `json:"file"`
	Digest  string   `json:"sha256"`
	Version string   `json:"gwe"`
	PID     int      `json:"pid"`
	Boot    string   `json:"boot,omitempty"`
	Mark    string   `json:"mark"` // the children's: another state directory may have a run of this name
	Locks   []string `json:"locks,omitempty"`
	// Places are the directories that the locks named when the run began, with all links followed.
	Places []string `json:"places,omitempty"`
	// Order is greater than that of every run of another state directory that had begun on one of these
	// directories before; 0 in journals of older gwes.
	Order   int                        `json:"order,omitempty"`
	Targets []targetRecord             `json:"targets,omitempty"`
	Inputs  map[string]json.RawMessage `json:"inputs,omitempty"`
	Secrets []string                   `json:"secrets,omitempty"`
	Host    map[string]json.RawMessage `json:"host,omitempty"`
	Facts   map[string]json.RawMessage `json:"facts,omitempty"`
	Vars    map[string]json.RawMessage `json:"vars,omitempty"`
	Plugins []PluginRecord             `json:"plugins,omitempty"`
	Uses    []UseRecord                `json:"uses,omitempty"`
	// UndoData are the versions of undo data that the gwe which began the run reads, by step type; types of
	// version 1 are left out.
	UndoData map[string]int `json:"undo-data,omitempty"`

	// Mounts are the mount points that the recipe asks for at or above the path of a lock; Targets keep them.
	Mounts map[string][]string `json:"-"`
	// Forgotten are the state directories that were removed while a run of theirs on these directories had
	// not ended.
	Forgotten []claim.Known `json:"-"`
}

// UseRecord names a recipe that the run's recipe uses, and the copy that lies beside the journal.
type UseRecord struct {
	From   string `json:"from"`
	Name   string `json:"name"`
	File   string `json:"file"`
	Digest string `json:"sha256"`
}

// ShownRecord is what a list of the run's steps shows besides: the step's name, its type, and the item of its
// round.
type ShownRecord struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
	Item string `json:"item,omitempty"`
}

// StepRecord is the record of a step that made no frame.
type StepRecord struct {
	Step   string `json:"step"`
	Rounds Rounds `json:"rounds,omitempty"`
	ID     string `json:"id,omitempty"`
	ShownRecord
	Text string `json:"text,omitempty"`
}

// IntentRecord makes a frame.
type IntentRecord struct {
	Frame  int    `json:"frame"`
	Step   string `json:"step"`
	Rounds Rounds `json:"rounds,omitempty"`
	ID     string `json:"id,omitempty"`
	ShownRecord
	// Arguments are without those that touch a secret. Secret tells that there are such: they are evaluated
	// again, from the inputs and the records before this one.
	Arguments map[string]json.RawMessage `json:"arguments,omitempty"`
	Secret    bool                       `json:"arguments-kept,omitempty"`
	Memo      json.RawMessage            `json:"memo"`
	// UndoData is the version of the memo and of the files that the step saves; 0 in records from before
	// there were versions. Saved are the files that prepare saved.
	UndoData int         `json:"undo-data,omitempty"`
	Saved    []SavedFile `json:"saved,omitempty"`
	Leases   []string    `json:"leases,omitempty"`
	// Targets are where its effects are, as far as the begin record does not tell it.
	Targets []targetRecord `json:"targets,omitempty"`
	// Parents are the directories that hold what the step changes. Journals of older gwes have none.
	Parents []step.Parent `json:"parents,omitempty"`
	// Before is what was there before the step, of paths that no earlier step of the run had changed.
	Before []BeforeRecord `json:"before,omitempty"`
}

// ProcessRecord names a child; with the boot id in begin it cannot be mistaken for another.
type ProcessRecord struct {
	Place Place  `json:"place"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
	Boot  string `json:"boot"`
}

// ResultRecord ends a step well. Frame is 0 for a step that only reads.
type ResultRecord struct {
	Frame  int    `json:"frame,omitempty"`
	Step   string `json:"step"`
	Rounds Rounds `json:"rounds,omitempty"`
	ID     string `json:"id,omitempty"`
	ShownRecord
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	// Saved are all files that the step saved for its undo.
	Saved []SavedFile `json:"saved,omitempty"`
}

// CommittedRecord is the point of no return.
type CommittedRecord struct {
	StepRecord
	// Saved are the files of frames that were changed when these were asked whether they stand, by frame.
	Saved map[int][]SavedFile `json:"saved,omitempty"`
}

// RecoveryRecord says who took a run over.
type RecoveryRecord struct {
	PID     int           `json:"pid"`
	Boot    string        `json:"boot"`
	Since   time.Duration `json:"since"`
	Version string        `json:"gwe"`
}

// ErrorRecord is an error as the journal keeps it.
type ErrorRecord struct {
	// Step is the id of the step, or its path where it has none; Where is its whole name. At is the position
	// in journals from before there was Where.
	Step    string    `json:"step,omitempty"`
	Where   *StepName `json:"where,omitempty"`
	At      string    `json:"at,omitempty"`
	Class   string    `json:"class"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`
	Signal  int       `json:"signal,omitempty"`
}

// UnwindRecord turns the run, or after allow-failure one frame, back.
type UnwindRecord struct {
	Frame int         `json:"frame,omitempty"`
	Error ErrorRecord `json:"error"`
	// Back is the reboot that led the machine into the new system, and that has to be taken back. A rollback
	// has none where the machine has left that system already.
	Back *SuspendedRecord `json:"back,omitempty"`
	// Left means that the machine left the new system by itself, so that no reboot has to be taken back.
	Left bool `json:"left,omitempty"`
	// Checked means that all that the undos need was found intact, so that these may change it from here on.
	Checked bool `json:"checked,omitempty"`
}

// PutBackRecord turns a part of the run back.
type PutBackRecord struct {
	TroubleRecord
	// Frames are those that are undone. What they saved was found intact.
	Frames []int `json:"frames,omitempty"`
}

// ItemsRecord begins a for-each. Keys are those of a map, in their order; absent for a list.
type ItemsRecord struct {
	Step   string            `json:"step"`
	Rounds Rounds            `json:"rounds,omitempty"`
	Keys   []string          `json:"keys,omitempty"`
	Items  []json.RawMessage `json:"items"`
}

// UsedRecord begins a used recipe. Inputs that hold secrets are left out: they are evaluated again from the
// run's own.
type UsedRecord struct {
	Step   string                     `json:"step"`
	Rounds Rounds                     `json:"rounds,omitempty"`
	Inputs map[string]json.RawMessage `json:"inputs,omitempty"`
	Vars   map[string]json.RawMessage `json:"vars,omitempty"`
}

// EnteredRecord makes a frame of what a group, a parallel or a use has beside its steps.
type EnteredRecord struct {
	Frame  int    `json:"frame"`
	Step   string `json:"step"`
	Rounds Rounds `json:"rounds,omitempty"`
	Part   Part   `json:"part"`
}

// Part is what the frame of a group is for: the group's undo, or its finally.
type Part string

const (
	PartUndo    Part = "undo"
	PartLast    Part = "undo-last"
	PartFinally Part = "finally"
)

// TroubleRecord is an error of one part of the run.
type TroubleRecord struct {
	Step   string      `json:"step"`
	Rounds Rounds      `json:"rounds,omitempty"`
	Error  ErrorRecord `json:"error"`
}

// HeldRecord says why a recovery of this boot could not continue.
type HeldRecord struct {
	Boot  string      `json:"boot"`
	Error ErrorRecord `json:"error"`
}

// UndoneRecord closes a frame.
type UndoneRecord struct {
	Frame    int           `json:"frame"`
	Errors   []ErrorRecord `json:"errors,omitempty"`
	Leftover bool          `json:"leftover,omitempty"`
	Broken   bool          `json:"broken,omitempty"`
	// Kept are the directories to which a manual undo moved what came after the commit.
	Kept []string `json:"kept,omitempty"`
	// Abandoned is what a RecordCleaned leaves for good.
	Abandoned []AbandonedRecord `json:"abandoned,omitempty"`
	// Told is set in a RecordButLast after the last part ran, too, where older changes stand that may be
	// undone later.
	Told bool `json:"told,omitempty"`
}

// PutOffRecord closes a frame as far as its undo needs no service.
type PutOffRecord struct {
	UndoneRecord
	// Steps are the steps of the recipe's undo that are left to do; Own is set where the type's own undo is.
	Steps []string `json:"steps,omitempty"`
	Own   bool     `json:"own,omitempty"`
}

// EndRecord closes a run.
type EndRecord struct {
	Status    Status                     `json:"status"`
	Error     *ErrorRecord               `json:"error,omitempty"`
	Others    []ErrorRecord              `json:"others,omitempty"`
	Outputs   map[string]json.RawMessage `json:"outputs,omitempty"`
	Stopped   string                     `json:"stopped,omitempty"`
	Leftovers []int                      `json:"leftovers,omitempty"`
	Abandoned []AbandonedRecord          `json:"abandoned,omitempty"`
	At        time.Time                  `json:"at"`
}

// EncodeRecord is a record's data as the journal has it. Without the escapes that HTML needs, which make six
// bytes of one: what counts how much fits into a record, counts so.
func EncodeRecord(record any) (json.RawMessage, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// HandedOverRecord says who is to continue the run. Until that one says that it does, the run is still this
// one's.
type HandedOverRecord struct {
	Step string `json:"step"`
	ID   string `json:"id,omitempty"`
	ShownRecord
	Program string        `json:"program"`
	Version string        `json:"gwe"`
	Within  time.Duration `json:"within"`
	Worked  time.Duration `json:"worked,omitempty"`
}

func (r HandedOverRecord) To() string { return fmt.Sprintf("gwe %s, %s", r.Version, r.Program) }

// TakenOverRecord says that another gwe continues the run. The step is over with it.
type TakenOverRecord struct {
	Step    string `json:"step"`
	PID     int    `json:"pid"`
	Boot    string `json:"boot"`
	Version string `json:"gwe"`
}

// Result is what the journal tells of a run that ended, or waits.
func (p *StoredRun) Result() Result {
	result := Result{Run: p.Directory.ID(), Handed: true}
	if waits := p.Suspension; waits != nil {
		result.Status, result.Waits = StatusSuspended, waits.Awaited()
		return result
	}
	end := p.Ended
	result.Status, result.Stopped = end.Status, end.Stopped
	if end.Error != nil {
		result.Err = end.Error.Err()
	}
	for _, other := range end.Others {
		result.Others = append(result.Others, other.Err())
	}
	return result
}

// lostRecords is the error of unrecorded among those of a run that has ended; nil where there is none.
func (r EndRecord) lostRecords() error {
	for _, other := range r.Others {
		if other.Code == "records-lost" {
			return other.Err()
		}
	}
	return nil
}
