package engine

import (
	"encoding/json"
	"time"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/step"
)

// The kinds of journal records. Together they tell all that recovery needs; the frozen recipe tells the rest.
const (
	recordBegin     = "begin"           // the run exists: who, what, with which inputs, vars and facts
	recordSkipped   = "skipped"         // a step's guard was false
	recordIntent    = "intent"          // a frame exists from here: what will be done, and the memo that undoes it
	recordProcess   = "process"         // a child process was started
	recordResult    = "result"          // a step ended well: its outputs; its effects are durable
	recordUnwind    = "unwind"          // the run turns back, and why
	recordUndoStep  = "undo-step"       // one step of a recipe's undo ended, or of failsafe or finally
	recordPutOff    = "put-off"         // a frame is put back as far as that needs no service; that is durable
	recordChecked   = "checked"         // what the undos need was found intact, after it was not when the run turned back
	recordUndone    = "undone"          // a frame is put back; its effects are durable
	recordButLast   = "undone-but-last" // the same, but for what its undo owes when everything older is undone
	recordCommitted = "committed"       // the point of no return
	recordStopped   = "stopped"         // a stop step ended the forward path
	recordRecovery  = "recovery"        // another process took the run over
	recordHeld      = "held"            // what is left to do cannot be done now, and why; the next recovery tries
	recordServices  = "services"        // what is left to do needs services, and waits for them
	recordFailsafe  = "failsafe"        // the failsafe begins
	recordFinally   = "finally"         // finally begins
	recordClosing   = "closing"         // all is done and durable; what nobody can ask to undo is given up next
	recordEnd       = "end"             // how the run ended
	recordCleaned   = "cleaned"         // leftovers of an ended run are gone
	recordReleasing = "releasing"       // its undo can no longer be asked for; what its steps kept for that is given up next
	recordReleased  = "released"        // its undo can no longer be asked for, and its steps keep nothing for that
	recordRollback  = "rollback"        // a committed run is put back by hand from here on

	recordSuspended  = "suspended"   // the run waits for a reboot or a confirmation, from this moment
	recordWaited     = "waited"      // how far the wait came
	recordConfirmed  = "confirmed"   // somebody confirmed the run
	recordCancelled  = "cancelled"   // somebody cancelled the run while it waited
	recordResumed    = "resumed"     // the wait is over, and the run goes on
	recordHandedOver = "handed-over" // another gwe is to go on with the run
	recordTakenOver  = "taken-over"  // it does
	recordStranded   = "stranded"    // all is put back, but the machine did not reboot into the system of before

	recordItems    = "items"    // a for-each begins: what it goes over
	recordBranches = "branches" // a parallel begins
	recordUsed     = "used"     // a recipe that is used begins: its inputs and vars
	recordEntered  = "entered"  // a group's own undo, or its finally, is owed from here: a frame
	recordEnded    = "ended"    // a for-each, a group, a parallel or a use ended well
	recordPutBack  = "put-back" // a part of the run turns back, and why; the run itself may go on
	recordRescue   = "rescue"   // that part is put back, and its rescue begins
	recordMishap   = "mishap"   // an error besides the first one: of a rescue, or of a group's finally
)

// recordHeader is the journal's own first record.
const recordHeader = "journal"

// recordKinds are all of them. A journal with another is of a newer gwe: what it says must not be passed over.
var recordKinds = []string{
	recordHeader, recordBegin, recordSkipped, recordIntent, recordProcess, recordResult, recordUnwind, recordUndoStep,
	recordChecked, recordUndone, recordButLast, recordCommitted, recordStopped, recordRecovery, recordFailsafe, recordFinally, recordClosing, recordEnd,
	recordCleaned, recordReleasing, recordReleased, recordRollback, recordPutOff, recordHeld, recordServices,
	recordSuspended, recordWaited, recordConfirmed, recordCancelled, recordResumed, recordStranded, recordHandedOver, recordTakenOver,
	recordItems, recordBranches, recordUsed, recordEntered, recordEnded, recordPutBack, recordRescue, recordMishap,
}

// beginRecord opens a journal.
type beginRecord struct {
	Run     string   `json:"run"`
	Recipe  string   `json:"recipe"`
	File    string   `json:"file"`
	Digest  string   `json:"sha256"`
	Version string   `json:"gwe"`
	PID     int      `json:"pid"`
	Boot    string   `json:"boot,omitempty"`
	Mark    string   `json:"mark"` // the children's: another state folder may have a run of this name
	Locks   []string `json:"locks,omitempty"`
	// Places are the directories that the locks named when the run began, with all links followed.
	Places []string `json:"places,omitempty"`
	// Order is greater than that of every run of another state directory that had begun on one of these directories before; 0 in journals
	// of older gwes.
	Order   int                        `json:"order,omitempty"`
	Targets []targetRecord             `json:"targets,omitempty"`
	Inputs  map[string]json.RawMessage `json:"inputs,omitempty"`
	Secrets []string                   `json:"secrets,omitempty"`
	Host    map[string]json.RawMessage `json:"host,omitempty"`
	Facts   map[string]json.RawMessage `json:"facts,omitempty"`
	Vars    map[string]json.RawMessage `json:"vars,omitempty"`
	Plugins []pluginRecord             `json:"plugins,omitempty"`
	Uses    []useRecord                `json:"uses,omitempty"`
	// UndoData are the versions of undo data that the gwe which began the run reads, by step type; types of version 1 are left out.
	UndoData map[string]int `json:"undo-data,omitempty"`

	// mounts are the mount points that the recipe asks for at or above the path of a lock; Targets keep them.
	mounts map[string][]string
	// forgotten are the state directories that were removed while a run of theirs on these directories had not ended.
	forgotten []claim.Known
}

// useRecord names a recipe that the run's recipe uses, and the copy that lies beside the journal.
type useRecord struct {
	From   string `json:"from"`
	Name   string `json:"name"`
	File   string `json:"file"`
	Digest string `json:"sha256"`
}

// shownRecord is what a list of the run's steps shows besides: the step's name, its type, and the item of its round.
type shownRecord struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
	Item string `json:"item,omitempty"`
}

// stepRecord is the record of a step that made no frame.
type stepRecord struct {
	Step   string `json:"step"`
	Rounds rounds `json:"rounds,omitempty"`
	ID     string `json:"id,omitempty"`
	shownRecord
	Text string `json:"text,omitempty"`
}

// intentRecord makes a frame.
type intentRecord struct {
	Frame  int    `json:"frame"`
	Step   string `json:"step"`
	Rounds rounds `json:"rounds,omitempty"`
	ID     string `json:"id,omitempty"`
	shownRecord
	// Arguments are without those that touch a secret. Secret tells that there are such: they are evaluated again, from the
	// inputs and the records before this one.
	Arguments map[string]json.RawMessage `json:"arguments,omitempty"`
	Secret    bool                       `json:"arguments-kept,omitempty"`
	Memo      json.RawMessage            `json:"memo"`
	// UndoData is the version of the memo and of the files that the step saves; 0 in records from before there were versions. Saved are the
	// files that prepare saved.
	UndoData int         `json:"undo-data,omitempty"`
	Saved    []savedFile `json:"saved,omitempty"`
	Leases   []string    `json:"leases,omitempty"`
	// Targets are where its effects are, as far as the begin record does not tell it.
	Targets []targetRecord `json:"targets,omitempty"`
	// Parents are the directories that hold what the step changes. Journals of older gwes have none.
	Parents []step.Parent `json:"parents,omitempty"`
	// Before is what was there before the step, of paths that no earlier step of the run had changed.
	Before []beforeRecord `json:"before,omitempty"`
}

// processRecord names a child; with the boot id in begin it cannot be mistaken for another.
type processRecord struct {
	Place place  `json:"place"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
	Boot  string `json:"boot"`
}

// resultRecord ends a step well. Frame is 0 for a step that only reads.
type resultRecord struct {
	Frame  int    `json:"frame,omitempty"`
	Step   string `json:"step"`
	Rounds rounds `json:"rounds,omitempty"`
	ID     string `json:"id,omitempty"`
	shownRecord
	Outputs map[string]json.RawMessage `json:"outputs,omitempty"`
	// Saved are all files that the step saved for its undo.
	Saved []savedFile `json:"saved,omitempty"`
}

// committedRecord is the point of no return.
type committedRecord struct {
	stepRecord
	// Saved are the files of frames that were changed when these were asked whether they stand, by frame.
	Saved map[int][]savedFile `json:"saved,omitempty"`
}

// recoveryRecord says who took a run over.
type recoveryRecord struct {
	PID     int           `json:"pid"`
	Boot    string        `json:"boot"`
	Since   time.Duration `json:"since"`
	Version string        `json:"gwe"`
}

// errorRecord is an error as the journal keeps it.
type errorRecord struct {
	// Step is the id of the step, or its path where it has none; Where is its whole name. At is the position in journals from
	// before there was Where.
	Step    string    `json:"step,omitempty"`
	Where   *StepName `json:"where,omitempty"`
	At      string    `json:"at,omitempty"`
	Class   string    `json:"class"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Hint    string    `json:"hint,omitempty"`
	Signal  int       `json:"signal,omitempty"`
}

// unwindRecord turns the run, or after allow-failure one frame, back.
type unwindRecord struct {
	Frame int         `json:"frame,omitempty"`
	Error errorRecord `json:"error"`
	// Back is the reboot that led the machine into the new system, and that has to be taken back. A rollback has none where the
	// machine has left that system already.
	Back *suspendedRecord `json:"back,omitempty"`
	// Left means that the machine left the new system by itself, so that no reboot has to be taken back.
	Left bool `json:"left,omitempty"`
	// Checked means that all that the undos need was found intact, so that these may change it from here on.
	Checked bool `json:"checked,omitempty"`
}

// putBackRecord turns a part of the run back.
type putBackRecord struct {
	troubleRecord
	// Frames are those that are undone. What they saved was found intact.
	Frames []int `json:"frames,omitempty"`
}

// itemsRecord begins a for-each. Keys are those of a map, in their order; absent for a list.
type itemsRecord struct {
	Step   string            `json:"step"`
	Rounds rounds            `json:"rounds,omitempty"`
	Keys   []string          `json:"keys,omitempty"`
	Items  []json.RawMessage `json:"items"`
}

// usedRecord begins a used recipe. Inputs that hold secrets are left out: they are evaluated again from the run's own.
type usedRecord struct {
	Step   string                     `json:"step"`
	Rounds rounds                     `json:"rounds,omitempty"`
	Inputs map[string]json.RawMessage `json:"inputs,omitempty"`
	Vars   map[string]json.RawMessage `json:"vars,omitempty"`
}

// enteredRecord makes a frame of what a group, a parallel or a use has beside its steps.
type enteredRecord struct {
	Frame  int    `json:"frame"`
	Step   string `json:"step"`
	Rounds rounds `json:"rounds,omitempty"`
	Part   part   `json:"part"`
}

// part is what the frame of a group is for: the group's undo, or its finally.
type part string

const (
	partUndo    part = "undo"
	partLast    part = "undo-last"
	partFinally part = "finally"
)

// troubleRecord is an error of one part of the run.
type troubleRecord struct {
	Step   string      `json:"step"`
	Rounds rounds      `json:"rounds,omitempty"`
	Error  errorRecord `json:"error"`
}

// heldRecord says why a recovery of this boot could not go on.
type heldRecord struct {
	Boot  string      `json:"boot"`
	Error errorRecord `json:"error"`
}

// undoneRecord closes a frame.
type undoneRecord struct {
	Frame    int           `json:"frame"`
	Errors   []errorRecord `json:"errors,omitempty"`
	Leftover bool          `json:"leftover,omitempty"`
	Broken   bool          `json:"broken,omitempty"`
	// Kept are the directories to which a manual undo moved what came after the commit.
	Kept []string `json:"kept,omitempty"`
	// Abandoned is what a recordCleaned leaves for good.
	Abandoned []abandonedRecord `json:"abandoned,omitempty"`
	// Told is set in a recordButLast after the last part ran, too, where older changes stand that may be undone later.
	Told bool `json:"told,omitempty"`
}

// putOffRecord closes a frame as far as its undo needs no service.
type putOffRecord struct {
	undoneRecord
	// Steps are the steps of the recipe's undo that are left to do; Own is set where the type's own undo is.
	Steps []string `json:"steps,omitempty"`
	Own   bool     `json:"own,omitempty"`
}

// endRecord closes a run.
type endRecord struct {
	Status    Status                     `json:"status"`
	Error     *errorRecord               `json:"error,omitempty"`
	Others    []errorRecord              `json:"others,omitempty"`
	Outputs   map[string]json.RawMessage `json:"outputs,omitempty"`
	Stopped   string                     `json:"stopped,omitempty"`
	Leftovers []int                      `json:"leftovers,omitempty"`
	Abandoned []abandonedRecord          `json:"abandoned,omitempty"`
	At        time.Time                  `json:"at"`
}
