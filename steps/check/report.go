package check

import (
	"context"

	"github.com/gwe-project/gwe/engine/step"
)

// Report implements step.Reporter: one try of the check.
func (waitFor) Report(ctx context.Context, machine step.Machine, arguments waitForArguments) []step.Report {
	name, try, err := arguments.resolve()
	if err != nil {
		return nil
	}
	told := step.Report{Kind: step.ReportHealth, Name: name, State: "ok", Good: true}
	if err := try(ctx, &step.Run{Machine: machine, Started: func(int) {}}); err != nil {
		told.State, told.Good = err.Error(), false
	}
	return []step.Report{told}
}
