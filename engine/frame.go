package engine

import (
	"encoding/json"

	"github.com/gwe-project/gwe/engine/step"
)

// recordedFrame is one effect that may have to be undone, as its records say it.
type recordedFrame struct {
	number int
	// step, id and shown name its step.
	step   string
	id     string
	shown  shownRecord
	rounds rounds
	// part is set for a frame of a group, parallel or use; "" for one of a leaf.
	part part
	memo json.RawMessage
	// version is that of the undo data; 0 is from before there were versions. saved are the files that belong to it, and begun means that an
	// undo may have changed these. writer is the version of the gwe that wrote them.
	version int
	writer  string
	saved   []savedFile
	begun   bool
	leases  []string
	// before is what was there before the step, of paths that no earlier step of the run had changed.
	before []beforeRecord
	// targets are where its effects are, as far as those of the run do not tell it.
	targets []targetRecord
	// parents are the directories that hold what it changed; nil where none was noted.
	parents []step.Parent
	// done means that the step ended well; undone that it is put back.
	done, undone bool
	// broken means that its undo failed and the machine may not be as before; leftover that something of ours lies about.
	broken, leftover bool
	// undoErrors are the errors of its last undo; broken is not always set with them.
	undoErrors []errorRecord
	// rest is what its undo still has to do when the services are there; nil where none of it was put off.
	rest *putOffRecord
	// owesLast means that its undo is over but for what runs when everything older is undone.
	owesLast bool
	// told means that what it owes last has run, in a context that was undone alone. It is owed again as soon as anything else is undone.
	told bool
	// givenUp means that it lies behind the commit of a run that ended, and that what its undo needs went then.
	givenUp bool
	// kept are the directories to which its undo moved what came after the commit.
	kept []string
	// here means that this process did it, so that the folder of what it saved is there, unless somebody removed it.
	here bool
	// lost means that it was removed.
	lost bool
}
