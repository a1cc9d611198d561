package plan

import (
	"maps"
	"testing"
)

// TestOutputsOfABranchAreTakenBack: what a plan foresees within a branch or a round is not known after it.
func TestOutputsOfABranchAreTakenBack(t *testing.T) {
	known := &plannedOutputs{outputs: map[string]any{}}
	known.set("before", 1)
	known.set("absent", nil)
	want := maps.Clone(known.outputs)
	changes := len(known.former)
	known.set("before", 2)
	known.markUnknown("before")
	known.markUnknown("absent")
	known.set("inside", 3)
	known.set("inside", nil)
	if _, there := known.outputs["before"]; there {
		t.Error("what a step leaves is still known after it was marked as unknown")
	}
	known.revert(changes)
	if !maps.Equal(known.outputs, want) {
		t.Errorf("after the branch the plan knows %v, want %v", known.outputs, want)
	}
}
