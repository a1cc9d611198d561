package engine

import (
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/value"
)

// A step that may take an hour may take one to undo, unless the recipe says how long an undo may take.
func TestUndoLimit(t *testing.T) {
	hour, second := constant{value: value.DurationOf(time.Hour)}, constant{value: value.DurationOf(time.Second)}
	for name, test := range map[string]struct {
		node node
		want time.Duration
	}{
		"nothing said":      {node{}, defaultTimeout},
		"an impatient step": {node{timeout: second}, defaultTimeout},
		"a patient step":    {node{timeout: hour}, time.Hour},
		"undo-timeout":      {node{timeout: hour, undoTimeout: second}, time.Second},
	} {
		if got := test.node.undoLimit(nil); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
