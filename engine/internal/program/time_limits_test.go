package program

import (
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/value"
)

// A step that may take an hour may take one to undo, unless the recipe says how long an undo may take.
func TestUndoLimit(t *testing.T) {
	hour, second := constant{value: value.DurationOf(time.Hour)}, constant{value: value.DurationOf(time.Second)}
	for name, test := range map[string]struct {
		node Node
		want time.Duration
	}{
		"nothing said":      {Node{}, defaultTimeout},
		"an impatient step": {Node{timeout: second}, defaultTimeout},
		"a patient step":    {Node{timeout: hour}, time.Hour},
		"undo-timeout":      {Node{timeout: hour, undoTimeout: second}, time.Second},
	} {
		if got := test.node.UndoLimit(nil); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
