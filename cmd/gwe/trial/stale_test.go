package trial

import (
	"strings"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

func TestStale(t *testing.T) {
	frame := func(number int, step string, changes bool) event {
		return event{Kind: eventFrame, Frame: number, Step: step, ID: "id" + step, Changes: changes}
	}
	undone := func(number int) event { return event{Kind: eventUndone, Frame: number} }
	call := func(place string) event { return event{Kind: eventCall, Process: "run/" + place} }
	undoStep := func(step string) event { return event{Kind: eventUndoStep, Step: step} }
	for name, test := range map[string]struct {
		events []event
		stale  bool
	}{
		"told last":         {[]event{frame(1, "a", true), frame(2, "b", false), call("2"), undone(2), undone(1), call("2-undo-last")}, false},
		"told too early":    {[]event{frame(1, "a", true), frame(2, "b", false), call("2"), call("2-undo"), undoStep("b.undo[0]"), undone(2), undone(1)}, true},
		"never told":        {[]event{frame(1, "a", true), frame(2, "b", false), call("2"), undone(2), undone(1)}, true},
		"nothing undone":    {[]event{frame(1, "a", true), frame(2, "b", false), call("2")}, false},
		"not come so far":   {[]event{frame(1, "a", true), frame(2, "b", false), undone(2), undone(1)}, false},
		"it only looks":     {[]event{frame(1, "a", true), call("read"), undone(1)}, false},
		"before the change": {[]event{frame(1, "b", false), call("1"), frame(2, "a", true), undone(2), undone(1)}, false},
		"a program's change, undone by the recipe": {[]event{frame(1, "a", false), frame(2, "b", false), call("2"), undone(2), undoStep("a.undo[0]"), undone(1)}, true},
		"a program's change, not undone":           {[]event{frame(1, "a", false), frame(2, "b", false), call("2"), undone(2), undone(1)}, false},
		"stopped before, started after": {[]event{
			frame(1, "stop", false), call("1"), frame(2, "a", true), frame(3, "start", false), call("3"),
			call("3-undo"), undoStep("start.undo[0]"), undone(3), undone(2), call("1-undo"), undoStep("stop.undo[0]"), undone(1),
		}, false},
		"of an older change too": {[]event{frame(1, "a", true), frame(2, "b", false), call("2"), frame(3, "c", true), undone(3), undone(2), call("2-undo"), undone(1)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			found := stale([]*schema.StandIn{{Name: schema.Scalar{Text: "app"}}}, &report{Events: test.events})
			if (len(found) > 0) != test.stale || len(found) > 0 && !strings.Contains(found[0], "app ran after step ida") {
				t.Errorf("found %q", found)
			}
			if found := stale([]*schema.StandIn{{Unaffected: true}}, &report{Events: test.events}); len(found) > 0 {
				t.Errorf("an unaffected program: %q", found)
			}
		})
	}
}
