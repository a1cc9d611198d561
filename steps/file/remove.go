package file

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Remove is the step type remove.
func Remove() step.Type {
	return step.New(step.About{
		Name:    "remove",
		Summary: "Remove a file, a link, or a directory with all that is in it",
		Doc: `The path is renamed to a hidden name beside it, which takes no time and no space; it is deleted for good when the undo can
no longer be asked for: after the commit at the end of the run, before it at the next commit. A symbolic link is removed
itself, never what it points to.

Refused are /, a directory on or below which something is mounted, and what the undo of an earlier run still needs.

Undo renames it back: content, times, owners and links are as before, for it is the same file. What a program of the run has put in its
place goes, or moves in a rollback by hand to .NAME.kept-RUN beside it.`,
		Example: "remove:\n  path: /etc/firmware/obsolete.conf\n  missing: ok\n",
		Effects: []step.Effect{{Kind: step.Removes, Argument: "path"}},
		Undo:    "restores it",
		Scalar:  "path",
	}, remove{})
}

type remove struct{}

// removeArguments are what a recipe gives.
type removeArguments struct {
	Path    value.Path `name:"path" required:"true" pattern:"/*[^/].*" help:"what to remove; not / itself"`
	Missing string     `name:"missing" enum:"ok,error" default:"error" help:"what it means when nothing is there"`
}

// removeMemo is what the undo needs.
type removeMemo struct {
	Path string `json:"path"`
	// Trash is the hidden name; "" where nothing was there.
	Trash string `json:"trash,omitempty"`
}

// removeOutputs are what later steps may read.
type removeOutputs struct {
	Removed bool `name:"removed" help:"whether something was there"`
}

// find looks at the path and refuses what must not go. It gives no info where nothing is there and that is
// fine.
func (a removeArguments) find(machine step.Machine) (path string, info fs.FileInfo, err error) {
	if path, err = placement.Absolute(a.Path); err != nil {
		return "", nil, err
	}
	if path == "/" {
		return "", nil, fault.New(fault.Refused, "remove-root", "the root of the file system cannot be removed")
	}
	if info, err = placement.Lstat(machine, path); err != nil {
		return "", nil, err
	}
	if info == nil && a.Missing != "ok" {
		return "", nil, fault.New(fault.Failed, "remove-missing", "there is nothing at %s", path).
			WithHint("write missing: ok if that is all right")
	}
	if info == nil || !info.IsDir() {
		return path, info, nil
	}
	mounted, err := durable.MountedAt(machine, path, info)
	if err == nil && mounted != "" {
		err = fault.New(fault.Refused, "remove-mount-point", "something is mounted on %s, so %s cannot be removed", mounted, path).
			WithHint("unmount it first: umount %s", mounted)
	}
	return path, info, err
}

func (remove) Plan(_ context.Context, machine step.Machine, arguments removeArguments) (step.Plan, error) {
	path, info, err := arguments.find(machine)
	if err != nil {
		return step.Plan{}, err
	}
	if info == nil {
		return step.Plan{Do: []string{"nothing is at " + path}, Nothing: true}, nil
	}
	return step.Plan{Do: []string{"remove " + path}, Undo: []string{"put " + path + " back"}}, nil
}

func (remove) Prepare(_ context.Context, run *step.Run, arguments removeArguments) (removeMemo, error) {
	path, info, err := arguments.find(placement.Looking(run))
	if err != nil || info == nil {
		return removeMemo{}, err
	}
	if run.Leased(path) {
		return removeMemo{}, fault.New(fault.Refused, "path-leased", "%s is still needed to undo a run", path).
			WithHint("`gwe runs` marks the runs whose undo is kept; the next commit with the same lock releases it, or by `gwe forget`")
	}
	return removeMemo{Path: path, Trash: placement.Hidden(path, run, "trash")}, nil
}

func (remove) Do(ctx context.Context, run *step.Run, arguments removeArguments, memo removeMemo) (removeOutputs, error) {
	if err := ctx.Err(); err != nil || memo.Trash == "" {
		return removeOutputs{}, err
	}
	if err := placement.RenamePath(run, memo.Path, memo.Trash); err != nil {
		return removeOutputs{}, err
	}
	return removeOutputs{Removed: true}, nil
}

// Sync has nothing left to do: the rename was durable.
func (remove) Sync(context.Context, *step.Run, removeArguments, removeMemo) error { return nil }

// Undo gives what was removed its place back. What a program of the run has put there since goes; what came
// there after the commit moves aside.
func (remove) Undo(ctx context.Context, run *step.Run, _ removeArguments, memo removeMemo) error {
	if memo.Trash == "" {
		return nil
	}
	kept, err := placement.LookAt(run, memo.Trash)
	if err != nil {
		return err
	}
	undone := filepath.Join(run.Directory, "undone")
	if _, err := made.AsideOf(run, memo.Path); err != nil {
		return err
	}
	if kept != nil {
		if err := placement.ClearWay(run, "remove", memo.Path); err != nil {
			return err
		}
		if err := placement.RenamePath(run, memo.Trash, memo.Path); err != nil {
			return err
		}
	}
	if err := placement.DiscardCleared(ctx, run, memo.Path); err != nil {
		return err
	}
	if kept != nil {
		// Where the undo comes again, an older one may have taken it away since. That this is known is a
		// courtesy.
		_ = durable.WriteNote(undone, nil)
		return nil
	}
	there, err := placement.LookAt(run, memo.Path)
	if err != nil || there != nil {
		return err
	}
	if _, err := os.Lstat(undone); err == nil {
		return nil
	}
	return memo.gone()
}

func (m removeMemo) gone() error {
	return fault.New(fault.Failed, "remove-kept-gone", "%s is gone, which was at %s before", m.Trash, m.Path).
		WithHint("see what removed it, and put there by hand what belongs there")
}

// Inspect refuses a rollback where what was removed cannot come back.
func (remove) Inspect(_ context.Context, run *step.Run, _ removeArguments, memo removeMemo) error {
	if memo.Trash == "" {
		return nil
	}
	kept, err := placement.LookAt(run, memo.Trash)
	if err != nil {
		return err
	}
	there, err := placement.LookAt(run, memo.Path)
	switch {
	case err != nil:
		return err
	case kept == nil:
		return memo.gone()
	case there != nil && !run.Obscured:
		return fault.New(fault.Failed, "remove-changed", "%s was removed, and something is there again", memo.Path).
			WithHint("move that away, and what was removed can come back")
	case there != nil:
		here, err := placement.At(run, memo.Path)
		if err != nil {
			return err
		}
		defer here.Close()
		return placement.Stays(here, "remove", there)
	}
	return nil
}

// Keeps foresees that what came to the place of what was removed would move aside.
func (remove) Keeps(ctx context.Context, run *step.Run, _ removeArguments, memo removeMemo) (step.Keeping, error) {
	if memo.Trash == "" || run.Covered(memo.Path) {
		return step.Keeping{Made: []string{memo.Path}}, nil
	}
	return made.KeepsGroup(ctx, run, memo.Path, placement.Cleared, true)
}

func (remove) Leases(_ removeArguments, memo removeMemo) []string {
	if memo.Trash == "" {
		return nil
	}
	return []string{memo.Trash}
}

func (remove) Release(_ context.Context, run *step.Run, _ removeArguments, memo removeMemo) error {
	if memo.Trash == "" {
		return nil
	}
	return placement.DiscardPath(run, memo.Trash)
}
