package placement

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
)

// Settle takes over, just before the commit, what later steps of the run made of modes and owners.
func (p Placement) Settle(ctx context.Context, run *step.Run) error {
	if p.New == "" {
		return nil
	}
	if run.Followed && !run.AfterCommit {
		if err := p.takeOver(ctx, run); err != nil && !step.IsParentChanged(err) {
			return err
		}
	}
	return made.Settle(ctx, run, p.Path)
}

// takeOver makes the run's own what a program of the run has put in the place of a file or a link, or written
// to it: so the run leaves it, and a manual rollback finds it as it was left.
func (p Placement) takeOver(ctx context.Context, run *step.Run) error {
	placed, known, err := Noted(run.Directory)
	if err != nil || !known || placed.Kind == unix.S_IFDIR {
		return err
	}
	now, err := At(run, p.Path)
	if err != nil {
		return err
	}
	defer now.Close()
	info, err := now.Lstat()
	if err != nil || info == nil || info.IsDir() {
		return err
	}
	if ours, err := IsNoted(run.Directory, now); err != nil || ours && !made.Changed(run, p.Path) {
		return err
	}
	if err := made.Record(ctx, run, p.Path); err != nil {
		return err
	}
	return renote(run.Directory, now)
}

// Leases are the paths that undo needs.
func (p Placement) Leases() []string {
	if p.Old == "" {
		return nil
	}
	return []string{p.Old}
}

// Release gives up what was kept.
func (p Placement) Release(run *step.Run) error {
	if p.Old == "" {
		return nil
	}
	return DiscardPath(run, p.Old)
}
