package release

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
)

// Prune is the step type prune.
func Prune() step.Type {
	return step.New(step.About{
		Name:    "prune",
		Summary: "Remove old releases",
		Doc:     pruneDoc,
		Example: "prune: { dir: /opt/firmware, keep: 2, protect: [current, failsafe] }\n",
		Effects: []step.Effect{{Kind: step.Removes, Argument: "dir"}},
		Undo:    "puts the removed releases back",
	}, prune{})
}

const pruneDoc = `A release is a folder in dir whose name does not start with a dot. Links and files are no releases and stay.

The newest keep releases stay, in the order in which they were installed. A release that was left as bad, as swap-link and
find-fallback have it, does not count among them, and goes. The steps that install releases (unpack, and beside other releases extract, rsync,
copy, move and mkdir) record their order in the directory .gwe-releases in dir, a number that grows with each one: so a wrong
clock, a copy or a restored backup changes nothing. Releases from before the first record are the oldest, and those that other
programs made since the last one are the newest; among themselves they go by the time at which their directories were made on this machine,
or, where the file system does not keep that, by the time of the last change of the directory's own entry.

Every name in protect stays too, with what it leads to where it is a link, over any number of links; and what the undo of this
run or of an earlier one still needs, a release in which something is mounted, and, whatever protect says, failsafe. A protected link that leads nowhere is refused: something is wrong that a person should see first.

A release is moved out of the way at once, to a hidden name in dir, and deleted when its undo can no longer be asked for.
Until then undo moves it back.`

type pruneArguments struct {
	Dir     value.Path `name:"dir" required:"true" help:"the folder that holds the releases"`
	Keep    int        `name:"keep" required:"true" min:"1" help:"how many of the newest releases stay, 1 or more"`
	Protect []string   `name:"protect" default:"[current, failsafe]" help:"names in dir that stay, with what they link to"`
}

type pruneMemo struct {
	Dir string `json:"dir"`
	// Victims and Kept are names in Dir.
	Victims []victim `json:"victims"`
	Kept    []string `json:"kept"`
}

// victim is a release that goes, and the name in the same folder that it gets until it is deleted.
type victim struct {
	Name  string `json:"name"`
	Trash string `json:"trash"`
}

type pruneOutputs struct {
	Removed []string `name:"removed" help:"the names of the releases that were removed, newest first"`
	Kept    []string `name:"kept" help:"the names of the releases that stay, newest first"`
}

type prune struct{}

// Plan cannot ask what an undo needs, so it may name more than will be removed.
func (prune) Plan(_ context.Context, machine step.Machine, arguments pruneArguments) (step.Plan, error) {
	dir, removed, kept, err := choose(machine, arguments, func(string) bool { return false })
	if err != nil {
		return step.Plan{}, err
	}
	if len(removed) == 0 {
		return step.Plan{Do: []string{fmt.Sprintf("keep all releases in %s: %s", dir, listed(kept))}, Nothing: true}, nil
	}
	return step.Plan{
		Do:   []string{fmt.Sprintf("remove from %s: %s (as it is now; keeping %s)", dir, listed(removed), listed(kept))},
		Undo: []string{"put back " + listed(removed)},
	}, nil
}

func (prune) Prepare(_ context.Context, run *step.Run, arguments pruneArguments) (pruneMemo, error) {
	dir, removed, kept, err := choose(run.Machine, arguments, run.Leased)
	memo := pruneMemo{Dir: dir, Kept: kept}
	for _, name := range removed {
		memo.Victims = append(memo.Victims, victim{Name: name, Trash: durable.Prefix + "trash-" + rand.Text()})
	}
	return memo, err
}

func (prune) Do(ctx context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) (pruneOutputs, error) {
	if err := ctx.Err(); err != nil {
		return pruneOutputs{}, err
	}
	outputs := pruneOutputs{Kept: memo.Kept}
	if len(memo.Victims) == 0 {
		return outputs, nil
	}
	for i, one := range memo.Victims {
		if err := ctx.Err(); err != nil {
			return outputs, err
		}
		err := durable.MoveNoReplace(filepath.Join(memo.Dir, one.Name), filepath.Join(memo.Dir, one.Trash))
		if err != nil {
			return outputs, err
		}
		run.Log.Info("removed " + one.Name)
		run.Log.Progress(int64(i+1), int64(len(memo.Victims)), "releases")
		outputs.Removed = append(outputs.Removed, one.Name)
	}
	return outputs, durable.SyncFolder(memo.Dir)
}

func (prune) Undo(ctx context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) error {
	if len(memo.Victims) == 0 {
		return nil
	}
	var failures []error
	for i, one := range slices.Backward(memo.Victims) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := one.putBack(memo.Dir, filepath.Join(run.Folder, fmt.Sprintf("undone-%d", i))); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(append(failures, durable.SyncFolder(memo.Dir))...)
}

// putBack gives the release its name again. undone is a file that tells that it had it already.
func (v victim) putBack(dir, undone string) error {
	trash, name := filepath.Join(dir, v.Trash), filepath.Join(dir, v.Name)
	if _, err := os.Lstat(trash); err == nil {
		if err := durable.MoveNoReplace(trash, name); err != nil {
			return err
		}
		// Where the undo comes again, an older one may have taken it away since. That this is known is a courtesy.
		_ = os.WriteFile(undone, nil, 0o600)
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, path := range []string{name, undone} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return v.gone(dir)
}

func (v victim) gone(dir string) error {
	return fault.New(fault.Failed, "prune-kept-gone", "%s is gone, which was %s before", filepath.Join(dir, v.Trash), filepath.Join(dir, v.Name)).
		WithHint("see what removed it, and put a release there by hand")
}

// Inspect refuses a rollback where a release that was removed cannot come back.
func (prune) Inspect(_ context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) error {
	for _, one := range memo.Victims {
		if _, err := run.Machine.Lstat(filepath.Join(memo.Dir, one.Trash)); errors.Is(err, fs.ErrNotExist) {
			return one.gone(memo.Dir)
		} else if err != nil {
			return err
		}
		if _, err := run.Machine.Lstat(filepath.Join(memo.Dir, one.Name)); err == nil && !run.Obscured {
			return fault.New(fault.Failed, "prune-changed", "the release %s was removed from %s, and one of that name is there again", one.Name, memo.Dir).
				WithHint("give that another name, and the old one can come back")
		}
	}
	return nil
}

// Leases are the releases that were removed, as long as they can come back.
func (prune) Leases(_ pruneArguments, memo pruneMemo) (paths []string) {
	for _, one := range memo.Victims {
		paths = append(paths, filepath.Join(memo.Dir, one.Trash))
	}
	return paths
}

// Release deletes what was removed.
func (prune) Release(ctx context.Context, _ *step.Run, _ pruneArguments, memo pruneMemo) error {
	var names []string
	for _, one := range memo.Victims {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := durable.Discard(filepath.Join(memo.Dir, one.Trash)); err != nil {
			return err
		}
		names = append(names, one.Name)
	}
	order.Forget(memo.Dir, names)
	return nil
}

// Sync has nothing to do: every change above is durable when it returns.
func (prune) Sync(context.Context, *step.Run, pruneArguments, pruneMemo) error { return nil }

// choose tells which releases go and which stay, newest first.
func choose(machine step.Machine, arguments pruneArguments, leased func(path string) bool) (dir string, removed, kept []string, err error) {
	if arguments.Keep < 1 {
		return "", nil, nil, fault.New(fault.Refused, "prune-keep", "keep is %d, and at least one release must stay", arguments.Keep).
			WithHint("say keep: 1, or use remove for a release that nobody needs")
	}
	if dir, err = absolute(arguments.Dir); err != nil {
		return "", nil, nil, err
	}
	releases, _, err := releasesIn(machine, dir)
	if err != nil {
		return "", nil, nil, err
	}
	// The failsafe is what is left when all else is gone.
	safe, err := protected(machine, dir, append(slices.Clone(arguments.Protect), failsafeName))
	if err != nil {
		return "", nil, nil, err
	}
	newest := 0
	for _, one := range releases {
		path := filepath.Join(dir, one.name)
		if !one.bad {
			newest++
		}
		mounted, err := durable.MountedAt(machine, path, one.info)
		if err != nil {
			return "", nil, nil, err
		}
		if !one.bad && newest <= arguments.Keep || safe.holds(one) || leased(path) || mounted != "" {
			kept = append(kept, one.name)
		} else {
			removed = append(removed, one.name)
		}
	}
	return dir, removed, kept, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
