package runstate

import (
	"encoding/json"

	"github.com/gwe-project/gwe/engine/step"
)

// Frame is one effect that may have to be undone, as its records say it.
type Frame struct {
	Number int
	// step, id and shown name its step.
	step   string
	id     string
	shown  ShownRecord
	Rounds Rounds
	// Part is set for a frame of a group, parallel or use; "" for one of a leaf.
	Part Part
	Memo json.RawMessage
	// Version is that of the undo data; 0 is from before there were versions. saved are the files that belong
	// to it, and begun means that an undo may have changed these. writer is the version of the gwe that wrote
	// them.
	Version int
	Writer  string
	Saved   []SavedFile
	Begun   bool
	Leases  []string
	// before is what was there before the step, of paths that no earlier step of the run had changed.
	before []BeforeRecord
	// Targets are where its effects are, as far as those of the run do not tell it.
	Targets []targetRecord
	// Parents are the directories that hold what it changed; nil where none was noted.
	Parents []step.Parent
	// Done means that the step ended well; undone that it is rolled back.
	Done, Undone bool
	// Broken means that its undo failed and the machine may not be as before; leftover that something of ours
	// lies about.
	Broken, Leftover bool
	// undoErrors are the errors of its last undo; broken is not always set with them.
	undoErrors []ErrorRecord
	// Rest is what its undo still has to do when the services are there; nil where none of it was put off.
	Rest *PutOffRecord
	// OwesLast means that its undo is over but for what runs when everything older is undone.
	OwesLast bool
	// Told means that what it owes last has run, in a context that was undone alone. It is owed again as soon
	// as anything else is undone.
	Told bool
	// GivenUp means that it lies behind the commit of a run that ended, and that what its undo needs went
	// then.
	GivenUp bool
	// Kept are the directories to which its undo moved what came after the commit.
	Kept []string
	// Here means that this process did it and made the directory of what it saved, which is there unless
	// somebody removed it. Bare means that this process did it, and that it saved nothing: there is no such
	// directory.
	Here, Bare bool
	// Lost means that it was removed.
	Lost bool
}

// ForgetBefore drops what was there before the step: only a look at a stored run compares it, and it would
// grow with a live one.
func (f *Frame) ForgetBefore() { f.before = nil }
