package engine_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// slow restarts a program that takes a moment to answer: the file is gone, and comes back.
type slow struct{}

type slowArguments struct {
	File value.Path `name:"file" required:"true" help:"it is there while the program answers"`
}

func (slow) Plan(context.Context, step.Machine, slowArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"restart"}, Undo: []string{"restart"}}, nil
}

func (slow) Prepare(context.Context, *step.Run, slowArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (slow) Do(context.Context, *step.Run, slowArguments, step.Nothing) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (slow) Undo(_ context.Context, _ *step.Run, a slowArguments, _ step.Nothing) error {
	err := os.Remove(string(a.File))
	time.AfterFunc(time.Second, func() { _ = os.WriteFile(string(a.File), nil, 0o600) })
	return err
}

func (slow) Report(_ context.Context, machine step.Machine, a slowArguments) []step.Report {
	_, err := machine.Lstat(string(a.File))
	return []step.Report{{Kind: step.ReportHealth, Name: "slow", State: "asked", Good: err == nil}}
}

// The last line of a run that was rolled back waits a moment for what its undo has just restarted.
func TestARestartedProgramMayTakeAMoment(t *testing.T) {
	b := newBench(t)
	b.engine.Catalog = append(catalog(), step.New(step.About{Name: "slow", Effects: []step.Effect{{Kind: step.Refreshes}}, Undo: "restarts it"}, slow{}))
	b.write("up", "")
	result := b.run("steps:\n  - put: {path: D/a}\n  - slow: {file: D/up}\n  - put: {path: D/b, fail: [do]}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	if len(result.Now) != 1 || !result.Now[0].Good {
		t.Errorf("in the end it says %+v", result.Now)
	}
}
