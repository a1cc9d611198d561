package program

import (
	"context"
	"time"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// usualBoots is how many boots a suspended run outlives where the recipe says nothing: a machine that boots
// over and over comes to an end.
const usualBoots = 10

// UsualReboot is the program that reboots the machine where the recipe names none.
var UsualReboot = []string{"systemctl", "reboot"}

// Evaluate works out all that need not be asked again.
func (w *Waiting) Evaluate(names map[string]any) (runstate.SuspendedRecord, error) {
	record := runstate.SuspendedRecord{Cause: w.Cause, Attempts: 1, Boots: usualBoots}
	for _, setting := range []struct {
		from Dynamic
		into *time.Duration
	}{{w.Within, &record.Within}, {w.Hold, &record.Hold}} {
		if setting.from == nil {
			continue
		}
		span, err := Seconds(setting.from, names)
		if err != nil {
			return record, err
		}
		*setting.into = span
	}
	for _, setting := range []struct {
		from Dynamic
		into *int
	}{{w.attempts, &record.Attempts}, {w.boots, &record.Boots}} {
		if setting.from == nil {
			continue
		}
		count, err := setting.from.Evaluate(names)
		if err != nil {
			return record, err
		}
		*setting.into = max(1, count.(int))
	}
	if w.Cause != runstate.CauseReboot {
		return record, nil
	}
	record.Command = UsualReboot
	if w.Command != nil {
		command, err := w.Command.Evaluate(names)
		if err != nil {
			return record, err
		}
		record.Command = Texts(command)
	}
	return record, nil
}

func (w *Waiting) Perform(ctx context.Context, x Performer, n *Node, _ runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	return x.Suspend(ctx, n, names, task)
}

func (w *Waiting) Plan(_ context.Context, f Planner, _ *Node, row *PlannedStep) {
	row.Suspends, row.Do = true, f.Waits(w)
}
