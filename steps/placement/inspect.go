package placement

import (
	"context"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
)

// Inspect reports whether what was there before is kept. What is at the path now may be anything: if it is
// not what was put there, it moves aside.
func (p Placement) Inspect(run *step.Run, verb string) error {
	if p.New == "" {
		return nil
	}
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	found, err := p.look(open)
	if err != nil {
		return err
	}
	if p.Old != "" && found.kept == nil {
		return fault.New(fault.Failed, verb+"-kept-gone", "%s is gone, which was at %s before", p.Old, p.Path).
			WithHint("see what removed it, and put it back there by hand")
	}
	return unmounted(open.now)
}

// InspectMoved reports besides whether what was placed is still there: it must go back.
func (p Placement) InspectMoved(run *step.Run, verb string) error {
	if p.New == "" {
		return nil
	}
	now, err := At(run, p.Path)
	if err != nil {
		return err
	}
	defer now.Close()
	ours, err := IsNoted(run.Directory, now)
	there, missing := now.Lstat()
	switch {
	case missing != nil:
		return missing
	case there != nil && err != nil:
		return err
	case there == nil && !run.Obscured, there != nil && !ours: // a program of the run may have removed it
		return fault.New(fault.Failed, verb+"-changed", "%s is no longer what was put there", p.Path).
			WithHint("see what else writes %s, and put there by hand what belongs there", p.Path)
	}
	return p.Inspect(run, verb)
}

// unmounted is for an Inspect: it refuses a rollback that would move a directory in which something is
// mounted.
func unmounted(here Location) error {
	if here.Dir == nil {
		return nil
	}
	mounted, err := durable.MountedIn(here.Dir, here.Name)
	if err != nil || mounted == "" {
		return err
	}
	return fault.New(fault.Failed, "mounted-within", "cannot move %s: something is mounted on %s", here.Path, mounted).
		WithHint("unmount it, then roll back again: umount %s", mounted)
}

// Keeps foresees what would move aside.
func (p Placement) Keeps(ctx context.Context, run *step.Run) (step.Keeping, error) {
	if p.New == "" {
		return step.Keeping{}, nil
	}
	now, err := At(run, p.Path)
	if err != nil {
		return step.Keeping{}, err
	}
	defer now.Close()
	there, err := now.Lstat()
	if err != nil || there == nil {
		return step.Keeping{Made: []string{p.Path}}, err
	}
	if ours, err := IsNoted(run.Directory, now); err != nil || !ours && p.Old == "" {
		return step.Keeping{}, err // what took its place stays
	}
	return made.Keeps(ctx, run, p.Path, true)
}
