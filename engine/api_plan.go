package engine

import "github.com/gwe-project/gwe/engine/internal/plan"

// What a plan says is of the package plan. These are its types that users of the engine see.
type (
	// Plan is what a run would do.
	Plan = plan.Plan
	// Fact is what became of one of a recipe's facts.
	Fact = plan.Fact
	// PlannedSpace is what a run needs on one file system, in bytes.
	PlannedSpace = plan.PlannedSpace
	// Refusal is why a run would not come to its end, as far as that is known before it begins.
	Refusal = plan.Refusal
)
