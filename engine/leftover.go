package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// cleanFrame calls the undo of a frame again that left something of ours behind.
func (x *runner) cleanFrame(ctx context.Context, f *frame) (rest bool, err error) {
	inPlace, last := f.owesOwn()
	if inPlace {
		rest, err = x.undoOwn(ctx, f, placeOfUndo(f.Number), x.task)
	}
	if err != nil || rest || !last || f.Told {
		return rest, err
	}
	return x.undoOwn(ctx, f, runstate.PlaceOfLast(f.Number), x.task)
}
