package file

import (
	"context"
	"errors"

	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/duplicate"
	"github.com/gwe-project/gwe/steps/placement"
)

// overrides are what a copy has otherwise than its source.
type overrides struct {
	// mode is nil where modes stay; uid and gid are -1 where owners stay.
	mode     *modeChange
	uid, gid int
}

// asItIs changes nothing.
var asItIs = overrides{uid: -1, gid: -1}

func (o overrides) changes() duplicate.Changes {
	changes := duplicate.Changes{UID: o.uid, GID: o.gid}
	if o.mode != nil {
		changes.Mode = o.mode.apply
	}
	return changes
}

// duplicateForUndo copies to a path of the step. Of a tree it notes digests of small files for a rollback.
func duplicateForUndo(ctx context.Context, run *step.Run, from placement.Location, hidden string, change overrides) error {
	to, err := placement.At(run, hidden)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := to.Directory(); err != nil {
		return err
	}
	source, err := from.Lstat()
	if err != nil {
		return err
	}
	var sums *made.Sums
	if source != nil && source.IsDir() {
		if err := run.MakeDirectory(); err != nil {
			return err
		}
		sums = made.CreateSums(run.Directory)
	}
	err = duplicate.Entry(ctx, from.Dir, from.Name, to.Dir, to.Name, change.changes(), run.Log, sums)
	return errors.Join(err, sums.Close())
}
