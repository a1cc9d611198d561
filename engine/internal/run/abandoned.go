package run

import (
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// Abandon says what stays of a frame because its directory really changed; nil where the error is another
// one, or the file system of the directory is only not mounted now, so that a later try may succeed.
func (x *Runner) Abandon(f *Frame, err error) []runstate.AbandonedRecord {
	if !step.IsParentChanged(err) || runstate.OutOfReach(x.State.Begin.Targets, fault.Errored) != nil || runstate.OutOfReach(f.Targets, fault.Errored) != nil {
		return nil
	}
	var paths []string
	for _, lease := range f.Leases {
		if durable.IsOwn(filepath.Base(lease)) {
			paths = append(paths, lease)
		}
	}
	if len(paths) == 0 {
		paths = f.Leases
	}
	if len(paths) == 0 {
		paths = program.EffectPaths(f.Node.StepType(), f.Arguments)
	}
	var all []runstate.AbandonedRecord
	for _, path := range paths {
		all = append(all, runstate.AbandonedRecord{Path: path, Why: x.Mask.Text(err.Error())})
	}
	return all
}
