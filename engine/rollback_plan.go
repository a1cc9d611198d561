package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// RollbackPlan is what a rollback would do.
type RollbackPlan struct {
	Run    string `json:"run"`
	Recipe string `json:"recipe"`
	// Undone are the steps that would be rolled back, in that order.
	Undone []PlannedUndo `json:"undone"`
	// Stays are steps after the commit that would not be: what their undo needs went when the run ended, or
	// there is none.
	Stays []string `json:"stays"`
	// Later are entries that came or were changed after the commit, and would be kept.
	Later []step.Later `json:"later"`
	// Reboot is the reboot that follows, or "".
	Reboot string `json:"reboot,omitempty"`
}

// PlannedUndo is how one step would be rolled back.
type PlannedUndo struct {
	// StepName has the step's type for a name where it has none, and the item in it.
	StepName
	Undo []string `json:"undo"`
	// Last tells what runs when all of the above is undone.
	Last bool `json:"last,omitempty"`
}

// PlanRollback tells what Rollback would do, and refuses where that would. It changes nothing and takes no
// lock.
func (e *Engine) PlanRollback(ctx context.Context, id string) (RollbackPlan, error) {
	if p, err := runstate.Waiting(e.State, ""); err == nil && p.Suspension != nil {
		return RollbackPlan{}, runstate.NoneSuspended([]Result{{Run: p.Directory.ID(), Status: runstate.StatusSuspended, Waits: p.Summary().Waits}})
	}
	_, standing, err := runstate.Survey(e.State)
	if err != nil {
		return RollbackPlan{}, err
	}
	p, err := e.chooseRollback(standing, id)
	if err != nil {
		return RollbackPlan{}, err
	}
	if err := errors.Join(roomToAct(), e.rollbackReaches(p), e.owedElsewhere(p.Begin.Extents())); err != nil {
		return RollbackPlan{}, err
	}
	x, later, err := e.examineRollback(ctx, p, standing)
	if err != nil {
		return RollbackPlan{}, e.withAlternatives(standing, p, err)
	}
	plan := RollbackPlan{Run: p.Directory.ID(), Recipe: p.Begin.Recipe, Undone: []PlannedUndo{}, Stays: notRolledBack(x), Later: later}
	for _, f := range x.State.Open() {
		if f.Part == runstate.PartFinally || f.OwesLast || f.Part == "" && irreversible(f) {
			continue
		}
		if lines := undoLines(ctx, x, f); len(lines) > 0 {
			plan.Undone = append(plan.Undone, plannedUndo(x, f, lines, false))
		}
	}
	plan.Undone = append(plan.Undone, plannedLast(ctx, x)...)
	if x.State.Rebooted != nil {
		plan.Reboot = "reboots the machine, where it has not left the new system: " + strings.Join(x.State.Rebooted.Command, " ")
		if len(x.State.Rebooted.Command) == 0 {
			plan.Reboot = "waits for a reboot by others, where the machine has not left the new system"
		}
	}
	return plan, nil
}

// undoLines says how a frame is undone in its place: first what the recipe says, then what the type does.
func undoLines(ctx context.Context, x *run.Runner, f *run.Frame) []string {
	lines := linesOf(ctx, x, f.Node.Undo, f)
	if own, _ := f.OwesOwn(); own {
		lines = append(lines, f.Node.StepType().About().Undo)
	}
	return lines
}

// plannedLast are the parts of the undos that run last, in their order.
func plannedLast(ctx context.Context, x *run.Runner) []PlannedUndo {
	var planned []PlannedUndo
	newest := map[string]int{}
	for _, f := range run.OldestFirst(x.State.Open()) {
		lines := linesOf(ctx, x, f.Node.UndoLast, f)
		if _, own := f.OwesOwn(); own {
			lines = append(lines, f.Node.StepType().About().Undo)
		}
		if _, last := f.Owes(); !last || len(lines) == 0 {
			continue
		}
		if key := x.UndoLastKey(f); key != "" {
			if same, there := newest[key]; there {
				planned[same].Undo = nil
			}
			newest[key] = len(planned)
		}
		planned = append(planned, plannedUndo(x, f, lines, true))
	}
	return slices.DeleteFunc(planned, func(one PlannedUndo) bool { return len(one.Undo) == 0 })
}

func plannedUndo(x *run.Runner, f *run.Frame, lines []string, last bool) PlannedUndo {
	undone := PlannedUndo{StepName: x.Named(f.Node, f.Rounds), Undo: lines, Last: last}
	undone.Name = x.Mask.Text(x.TitleOfFrame(f))
	return undone
}
