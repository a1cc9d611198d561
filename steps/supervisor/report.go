package supervisor

import (
	"context"
	"time"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// reportLimit bounds the one call that a report makes.
const reportLimit = 2 * time.Second

// Report implements step.Reporter: the states of the programs, or of all where none is named.
func (supervisor) Report(ctx context.Context, _ step.Machine, arguments supervisorArguments) []step.Report {
	arguments.Attempts, arguments.RPCTimeout = 1, value.DurationOf(reportLimit)
	d, err := arguments.connection().open()
	var all []program
	if err == nil {
		all, err = d.programs(ctx)
	}
	if err != nil {
		return []step.Report{{Kind: step.ReportProgram, Name: "supervisord", State: err.Error()}}
	}
	if len(arguments.Programs) == 0 {
		return standings(all)
	}
	var told []step.Report
	for _, name := range arguments.Programs {
		found := matching(all, name)
		if len(found) == 0 {
			told = append(told, step.Report{Kind: step.ReportProgram, Name: name, State: "unknown to supervisord"})
		}
		told = append(told, standings(found)...)
	}
	return told
}

func standings(programs []program) []step.Report {
	var told []step.Report
	for _, p := range programs {
		told = append(told, step.Report{Kind: step.ReportProgram, Name: p.spec(), State: p.stateName, Good: p.State == running})
	}
	return told
}
