package plan

import (
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Warnings lists what the rows ask for and nothing on this machine does: each once.
func (k Known) Warnings(rows []program.PlannedStep) (all []runstate.Warning) {
	seen := map[runstate.Cause]bool{}
	for _, row := range rows {
		n := k.Program.ByPath[row.Path]
		if n == nil || program.As[*program.Waiting](n) == nil || row.Guard == program.WillSkip || seen[program.As[*program.Waiting](n).Cause] {
			continue
		}
		seen[program.As[*program.Waiting](n).Cause] = true
		if why := k.Unwatched(program.As[*program.Waiting](n).Cause); why != nil {
			all = append(all, runstate.WarningOf(why))
		}
	}
	return append(all, k.undoWarnings(rows)...)
}

// undoWarnings lists the steps whose undo runs a program that is not there, and that no step above it brings
// as far as gwe knows. A program that runs before may bring it all the same, so this refuses nothing.
func (k Known) undoWarnings(rows []program.PlannedStep) (all []runstate.Warning) {
	var before Earlier
	for _, row := range rows {
		if row.Section != "steps" || row.Guard == program.WillSkip {
			continue
		}
		before.Paths = append(before.Paths, row.Touches...)
		if row.UndoErr != nil && before.Leaves(row.UndoErr) {
			all = append(all, runstate.WarningOf(fault.New(fault.Failed, "undo-would-fail", "the undo of %s would fail, as things stand: %v", row.Named, row.UndoErr).
				WithHint("install what it runs before the update, or name another program")))
		}
	}
	return all
}
