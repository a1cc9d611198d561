package trial

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// A program that ran after a change, on the way forward, may have taken it up. If the change is undone and
// the program never runs again, it still has the change: gwe says that all was rolled back, and the new
// version runs. Programs that are called by steps without effects only look, and those that a stand-in calls
// unaffected have nothing of it.

// change is a frame that changed something, as the events of a run tell.
type change struct {
	frame int
	path  string
	label string
	made  int
	// undone is when it was undone; 0 where it was not. undoes tells that its undo did something.
	undone int
	undoes bool
	// fresh means that nothing was there before: who stops a program in the undo of the step that started it
	// has told it enough.
	fresh bool
}

// stale says which program still has a change that was undone; nothing where none has.
func stale(standIns []*schema.StandIn, r *report) []string {
	var findings []string
	changes := changesOf(r.Events)
	for i, one := range standIns {
		if one.Unaffected {
			continue
		}
		if kept := keptBy(i, changes, r.Events); kept != nil {
			findings = append(findings, fmt.Sprintf(
				"%s ran after step %s, and never again after that was undone: it still has the change (call it again in undo-last, or say unaffected: true of the stand-in)",
				one.Name.Text, kept.label))
		}
	}
	return findings
}

func changesOf(events []event) []*change {
	var all []*change
	byFrame := map[int]*change{}
	for at, one := range events {
		switch one.Kind {
		case eventFrame:
			made := &change{frame: one.Frame, path: one.Step, label: cmp.Or(one.ID, one.Step), made: at, undoes: one.Changes, fresh: one.New}
			all, byFrame[one.Frame] = append(all, made), made
		case eventUndoStep:
			for _, made := range all {
				if strings.HasPrefix(one.Step, made.path+".undo[") {
					made.undoes = true
				}
			}
		case eventUndone:
			if made := byFrame[one.Frame]; made != nil && made.undone == 0 {
				made.undone = at
			}
		}
	}
	return all
}

// keptBy is the change that the stand-in was called after, and that was undone without a further call.
func keptBy(standIn int, changes []*change, events []event) *change {
	last, undoing := -1, map[string]bool{}
	for at, one := range events {
		if one.Kind == eventCall && one.StandIn == standIn {
			last = at
			_, place, _ := strings.Cut(one.Process, "/")
			undoing[place] = true
		}
	}
	for at, one := range events {
		caller, forward := frameOf(one)
		if !forward || one.StandIn != standIn {
			continue
		}
		for _, made := range changes {
			told := undoing[fmt.Sprintf("%d-undo", made.frame)] || made.fresh && undoing[fmt.Sprintf("%d-undo", caller)]
			if made.frame != caller && made.made < at && made.undoes && made.undone > at && made.undone > last && !told {
				return made
			}
		}
	}
	return nil
}

// frameOf is the frame that called a stand-in on the way forward.
func frameOf(one event) (frame int, forward bool) {
	if one.Kind != eventCall {
		return 0, false
	}
	_, place, _ := strings.Cut(one.Process, "/")
	frame, err := strconv.Atoi(place)
	return frame, err == nil
}
