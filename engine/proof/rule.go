package proof

// The rules, by the names that diagnostics carry. Those in Rules may be allowed on a step.
const (
	// UndoMissing: a step changes the machine before the commit, its type cannot undo that, and the recipe says nothing.
	UndoMissing = "undo-missing"
	// UndoTooEarly: an undo makes a program take up what is on disk before older changes are undone.
	UndoTooEarly = "undo-too-early"
	// RefreshUndone: a program takes up a change, and the recipe says that nothing undoes that.
	RefreshUndone = "refresh-not-undone"
	// RollbackLost: a step that cannot be undone costs the rollback by hand.
	RollbackLost = "rollback-lost"
	// UndoDestroyed: a step removes for good what an earlier step's undo needs.
	UndoDestroyed = "undo-destroyed"
	// Unreachable: nothing leads to a step.
	Unreachable = "unreachable"
	// OutputUnset: an output of the recipe is made of a step that never runs.
	OutputUnset = "output-unset"
	// LockUncovered: a step changes a path that none of the recipe's locks covers.
	LockUncovered = "lock-uncovered"
	// ParallelConflict: two branches that run at the same time change one path.
	ParallelConflict = "parallel-conflict"
	// AllowUnneeded: a step allows what it does not do.
	AllowUnneeded = "allow-unneeded"
)

// Rules are those that a step may allow, with a reason.
func Rules() []string {
	return []string{UndoMissing, UndoTooEarly, RefreshUndone, UndoDestroyed, Unreachable, OutputUnset, LockUncovered, ParallelConflict}
}
