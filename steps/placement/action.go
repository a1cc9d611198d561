package placement

import (
	"context"

	"github.com/gwe-project/gwe/engine/step"
)

// Memo is the memo of a step type whose whole effect is one placement. A struct that embeds Placement is one.
type Memo interface{ Placed() Placement }

// Placed is the placement itself.
func (p Placement) Placed() Placement { return p }

// Action gives a step type with the arguments A and the memo M all that follows from its placement: a type
// embeds it and has Plan, Prepare and Do of its own.
type Action[A any, M Memo] struct {
	// Verb begins the codes of its errors: the name of the type.
	Verb string
}

// IsDurable leaves nothing to sync: content, links and renames were made durable in their order.
func (Action[A, M]) IsDurable() {}

// Undo takes what was placed away, and gives the old one its place back.
func (a Action[A, M]) Undo(ctx context.Context, run *step.Run, _ A, memo M) error {
	return memo.Placed().Undo(ctx, run, a.Verb, nil)
}

// Inspect refuses a rollback where what was there before is gone.
func (a Action[A, M]) Inspect(_ context.Context, run *step.Run, _ A, memo M) error {
	return memo.Placed().Inspect(run, a.Verb)
}

// Keeps foresees what a manual rollback would move aside: it was changed after the commit.
func (Action[A, M]) Keeps(ctx context.Context, run *step.Run, _ A, memo M) (step.Keeping, error) {
	return memo.Placed().Keeps(ctx, run)
}

// Verify refuses nothing: see Placement.Settle.
func (Action[A, M]) Verify(ctx context.Context, run *step.Run, _ A, memo M) error {
	return memo.Placed().Settle(ctx, run)
}

// Leases is what was there before.
func (Action[A, M]) Leases(_ A, memo M) []string { return memo.Placed().Leases() }

// Release gives up what was there before.
func (Action[A, M]) Release(_ context.Context, run *step.Run, _ A, memo M) error {
	return memo.Placed().Release(run)
}
