package engine

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// boundedBoots is how many boots in a row a recovery may die in without getting on. A machine whose power fails that often at
// the same place is rare; one that an undo takes down does it every time, and would boot for ever.
const boundedBoots = 10

// progress are the records by which a recovery gets on, or by which it says that it cannot: it did not die then.
var progress = []string{recordUndone, recordButLast, recordPutOff, recordHeld, recordServices, recordSuspended, recordResumed, recordStranded, recordClosing, recordCommitted}

// countBoot counts the boots in which a recovery of the run began and got nowhere. The boot that turned the run back is the first one of the
// rollback: those before it died of what they asked the machine.
func (h *recorded) countBoot(kind string, decoded any) {
	switch {
	case kind == recordRecovery:
		if h.lastBoot = decoded.(recoveryRecord).Boot; !slices.Contains(h.boots, h.lastBoot) {
			h.boots = append(h.boots, h.lastBoot)
		}
	case kind == recordUnwind && h.lastBoot != "":
		h.boots = []string{h.lastBoot}
	case kind == recordUnwind, slices.Contains(progress, kind):
		h.boots = nil
	}
}

// deaths counts the boots in a row, before this one, in which a recovery of the run began and got nowhere.
func (h *recorded) deaths(boot string) int {
	died := len(h.boots)
	if slices.Contains(h.boots, boot) {
		died--
	}
	return died
}

// bounded does what is left to do of a run that has ended, unless the machine went down in it in boundedBoots boots in a row. These are
// noted in a file, a line a boot, which is gone again when the work has ended, well or not.
func (e *Engine) bounded(p *storedRun, work func() error) error {
	boot, path := e.now().Boot, p.folder.downs()
	text, _ := durable.ReadNote(path)
	downs := strings.Fields(string(text))
	if len(downs) > boundedBoots { // given up, in this boot or before
		return nil
	}
	if !slices.Contains(downs, boot) {
		if len(downs) == boundedBoots {
			work = func() error { return e.sayGivenUp(p) }
		}
		// On a full disk it cannot be written, and the work may be what makes room.
		_ = durable.AddLine(path, boot)
	}
	err := work()
	if len(downs) < boundedBoots || slices.Contains(downs, boot) {
		_ = os.Remove(path)
	}
	return err
}

// giveUp notes that nothing is tried any more of what is left to do of the run.
func (r runFolder) giveUp(boot string) {
	_ = durable.WriteNote(r.downs(), []byte(strings.Repeat(boot+"\n", boundedBoots+1)))
}

// sayGivenUp tells it once, in the run's log.
func (e *Engine) sayGivenUp(p *storedRun) error {
	x, err := e.open(p, "recover", "Clean up what run "+p.folder.id()+" left")
	if err != nil {
		return err
	}
	defer x.close()
	x.task.Fail(fault.New(fault.Failed, "reboot-loop", "the machine went down here in %d boots in a row; it is given up, so that the machine stays reachable", boundedBoots).
		WithHint("put right by hand what it was about, then remove %s: the next recovery tries again", p.folder.downs()))
	return nil
}

// breakBootLoop gives up what takes the machine down again and again: the undo that is next, and the recovery goes on; or, where
// all undos are over, failsafe and finally. over tells that the run has ended thereby.
func (x *runner) breakBootLoop(ctx context.Context, died int) (result Result, over bool) {
	if died < boundedBoots {
		return Result{}, false
	}
	err := fault.New(fault.Failed, "reboot-loop", "recovery died here in %d boots in a row; it is given up, so that the machine stays reachable", died).
		WithHint("put right by hand what it was about, then reboot")
	record := x.recordOf(err)
	x.task.Warn(err.Error())
	if open := x.framesToUndo(); x.state.failure != nil && len(open) > 0 {
		located := x.recordOf(x.state.at(open[0].node, open[0].rounds, err))
		kind := recordUndone
		if _, last := open[0].owes(); last && !open[0].owesLast {
			kind = recordButLast
		}
		_ = x.append(kind, undoneRecord{Frame: open[0].number, Errors: []errorRecord{located}, Broken: true})
		return Result{}, false
	}
	h := x.state
	result = Result{Run: x.folder.id(), Status: h.unrecorded()}
	if h.failure != nil {
		result.Err = h.failure.err()
	}
	for _, earlier := range append(h.undoErrors, record) {
		result.Others = append(result.Others, earlier.err())
	}
	x.gaveUp = err
	x.end(context.WithoutCancel(ctx), &result)
	return result, true
}
