package engine_test

import (
	"context"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// small is a machine on which every file system has 100 bytes free.
type small struct{ step.Local }

func (small) Space(string) (int64, error) { return 100, nil }

func TestPreflight(t *testing.T) {
	tests := []struct {
		name, recipe, code string
	}{
		{"what fits", "steps:\n  - put: {path: D/a, space: 100}\n", ""},
		{"one step that does not fit", "steps:\n  - put: {path: D/a, space: 101}\n", "space"},
		{"two directories of one file system, one not there yet", "steps:\n  - put: {path: D/a, space: 60}\n  - put: {path: D/new/x/b, space: 60}\n", "space"},
		{"a step that will not run", "inputs:\n  go: {type: bool, default: false}\nsteps:\n  - put: {path: D/a, space: 60}\n  - put: {path: D/b, space: 60}\n    when: inputs.go\n", ""},
		{"a step that may run", "steps:\n  - id: l\n    look: {path: D/a}\n  - put: {path: D/b, space: 101}\n    when: steps.l.found\n", ""},
		{"the first step with effects cannot act", "steps:\n  - look: {path: D/a}\n  - put: {path: D/b, fail: [plan]}\n", "put-refused"},
		{"a later step may rely on an earlier one", "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [plan]}\n", ""},
		{"a step after a stop", "steps:\n  - stop: enough\n  - put: {path: D/b, fail: [plan], space: 101}\n", ""},
		{"a step after a possible stop", "steps:\n  - id: l\n    look: {path: D/a}\n  - stop: enough\n    when: not steps.l.found\n  - put: {path: D/b, fail: [plan]}\n", ""},
		{"a step that may fail", "steps:\n  - put: {path: D/b, fail: [plan]}\n    allow-failure: true\n", ""},
		{"a step that has more attempts", "steps:\n  - put: {path: D/b, fail: [plan]}\n    retry: {attempts: 2}\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.engine.Machine = small{}
			result := b.run(test.recipe)
			if test.code == "" {
				if f := fault.As(result.Err); f != nil && (f.Code == "space" || f.Code == "put-refused") {
					t.Errorf("refused: %v", result.Err)
				}
				return
			}
			b.wantStatus(result, engine.StatusRefused, 6)
			if f := fault.As(result.Err); f == nil || f.Code != test.code {
				t.Errorf("refused with %v, want %s", result.Err, test.code)
			}
			b.wantFile("a", "-")
		})
	}
}

// boundless is a machine whose file systems report no size.
type boundless struct{ step.Local }

func (boundless) Space(string) (int64, error) { return step.SpaceUnknown, nil }

func TestPreflightWithoutASize(t *testing.T) {
	b := newBench(t)
	b.engine.Machine = boundless{}
	recipe := "steps:\n  - put: {path: D/a, space: 1125899906842624}\n"
	plan, err := b.engine.Plan(context.Background(), b.load(recipe), nil)
	if err != nil || len(plan.Space) != 0 {
		t.Errorf("the plan compares %v, %v", plan.Space, err)
	}
	b.wantStatus(b.run(recipe), engine.StatusDone, 0)
}

func TestAPlanEndsAtACertainStop(t *testing.T) {
	b := newBench(t)
	plan, err := b.engine.Plan(context.Background(), b.load("steps:\n  - put: {path: D/a}\n  - stop: enough\n    when: host.os == 'linux'\n  - put: {path: D/b}\nfinally:\n  - put: {path: D/f}\n"), nil)
	rows := plan.Steps
	if err != nil || len(rows) != 3 || rows[1].Type != "stop" || rows[2].Section != "finally" {
		t.Errorf("planned %+v, %v", rows, err)
	}
}
