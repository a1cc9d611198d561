package run

import (
	"context"
	"fmt"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
)

// EndSurvivors ends what the dead run's open frames, undos, failsafe and finally started and what is still
// alive, wherever it went in the process tree: where the machine has control groups, also what hides. Daemons
// that a finished step left behind on purpose live on.
func (x *Runner) EndSurvivors(ctx context.Context) error {
	places := []runstate.Place{placeFailsafe, placeFinally}
	for strand := range x.Program.Strands + 1 {
		places = append(places, placeOfRead(strand))
	}
	for _, f := range x.State.Frames {
		if f.Undone || f.Told {
			continue
		}
		if !f.Done && f.Part == "" {
			places = append(places, runstate.PlaceOf(f.Number))
		}
		if !f.OwesLast {
			places = append(places, placeOfUndo(f.Number))
		}
		places = append(places, runstate.PlaceOfLast(f.Number))
	}
	var marks []string
	wanted := map[runstate.Place]bool{}
	for _, one := range places {
		marks = append(marks, x.Mark(one))
		wanted[one] = true
	}
	var begun []process.Identity
	for _, child := range x.State.Processes {
		if wanted[child.Place] {
			begun = append(begun, process.Identity{PID: child.PID, Start: child.Start, BootID: child.Boot})
		}
	}
	count, err := process.KillLeft(ctx, begun, marks...)
	if err != nil {
		return fault.New(fault.ClassOf(err), "survivors", "processes of the dead run cannot be ended").WithCause(err)
	}
	if count > 0 {
		x.Task.Info(fmt.Sprintf("ended %d processes that the dead run had left", count))
	}
	return nil
}
