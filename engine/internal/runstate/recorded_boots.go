package runstate

import (
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
)

// BoundedBoots is how many boots in a row a recovery may die in without getting on. A machine whose power
// fails that often at the same place is rare; one that an undo takes down does it every time, and would boot
// for ever.
const BoundedBoots = 10

// progress are the records by which a recovery gets on, or by which it says that it cannot: it did not die
// then.
var progress = []string{RecordUndone, RecordButLast, RecordPutOff, RecordHeld, RecordServices, RecordSuspended, RecordResumed, RecordStranded, RecordClosing, RecordCommitted}

// countBoot counts the boots in which a recovery of the run began and got nowhere. The boot that turned the
// run back is the first one of the rollback: those before it died of what they asked the machine.
func (h *Recorded) countBoot(kind string, decoded any) {
	switch {
	case kind == RecordRecovery:
		if h.lastBoot = decoded.(RecoveryRecord).Boot; !slices.Contains(h.boots, h.lastBoot) {
			h.boots = append(h.boots, h.lastBoot)
		}
	case kind == RecordUnwind && h.lastBoot != "":
		h.boots = []string{h.lastBoot}
	case kind == RecordUnwind, slices.Contains(progress, kind):
		h.boots = nil
	}
}

// Deaths counts the boots in a row, before this one, in which a recovery of the run began and got nowhere.
func (h *Recorded) Deaths(boot string) int {
	died := len(h.boots)
	if slices.Contains(h.boots, boot) {
		died--
	}
	return died
}

// GiveUp notes that nothing is tried any more of what is left to do of the run.
func (r RunDirectory) GiveUp(boot string) {
	_ = durable.WriteNote(r.Downs(), []byte(strings.Repeat(boot+"\n", BoundedBoots+1)))
}
