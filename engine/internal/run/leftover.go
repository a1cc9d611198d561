package run

import (
	"context"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// CleanFrame calls the undo of a frame again that left something of ours behind.
func (x *Runner) CleanFrame(ctx context.Context, f *Frame) (rest bool, err error) {
	inPlace, last := f.OwesOwn()
	if inPlace {
		rest, err = x.undoOwn(ctx, f, placeOfUndo(f.Number), x.Task)
	}
	if err != nil || rest || !last || f.Told {
		return rest, err
	}
	return x.undoOwn(ctx, f, runstate.PlaceOfLast(f.Number), x.Task)
}
