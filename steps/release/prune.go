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
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/holdings"
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

const pruneDoc = `A release is a directory in dir whose name does not start with a dot. Links and files are not releases and stay.

The newest keep releases stay, in the order in which they were installed. A release that was left as bad, as swap-link and
find-fallback have it, does not count among them, and goes. The steps that install releases (unpack, and beside other releases extract, rsync,
copy, move and mkdir) record their order in the directory .gwe-releases in dir, a number that grows with each one: so a wrong
clock, a copy or a restored backup changes nothing. Releases from before the first record are the oldest, and those that other
programs made since the last one are the newest; among themselves they go by the time at which their directories were made on this machine,
or, where the file system does not keep that, by the time of the last change of the directory's own entry.

What is in use stays too, whatever its age and whatever protect says:

- what any link in dir, or beside it in the directory above, leads to or into, over any number of links (so ../current is found), and failsafe
- what a process runs from: its program, its working or root directory, a file that it has mapped or open, or a path among its arguments
- a release in which something is mounted, or from which something is mounted elsewhere
- what the undo of this run or of an earlier one still needs

protect adds names in dir and paths, with what they lead to. One that is not there is passed over; one that leads nowhere is refused, since
something is wrong that an operator should see first. The plan and the log say why each release stays.

A release is moved out of the way at once, to a hidden name in dir, and deleted when its undo can no longer be asked for.
Until then undo moves it back.`

type pruneArguments struct {
	Dir     value.Path `name:"dir" required:"true" help:"the directory that holds the releases"`
	Keep    int        `name:"keep" required:"true" min:"1" help:"how many of the newest releases stay, 1 or more"`
	Protect []string   `name:"protect" default:"[current, failsafe]" help:"names in dir, and paths, that stay, with what they link to: current, ../current, /etc/firmware"`
}

type pruneMemo struct {
	Dir string `json:"dir"`
	// Victims and Kept are names in Dir.
	Victims []victim `json:"victims"`
	Kept    []string `json:"kept"`
}

// victim is a release that goes, and the name in the same directory that it gets until it is deleted.
type victim struct {
	Name  string `json:"name"`
	Trash string `json:"trash"`
	// Identity tells which directory it is. Journals of older gwes do not have it.
	Identity openat.Identity `json:"identity,omitzero"`
}

type pruneOutputs struct {
	Removed []string `name:"removed" help:"the names of the releases that were removed, newest first"`
	Kept    []string `name:"kept" help:"the names of the releases that stay, newest first"`
}

type prune struct{}

// Plan knows what is there now, and not what the steps above will do.
func (prune) Plan(_ context.Context, machine step.Machine, arguments pruneArguments) (step.Plan, error) {
	leased := func(string) bool { return false }
	if knows, ok := machine.(step.Retainer); ok {
		leased = knows.Leased
	}
	chosen, err := choose(machine, arguments, leased)
	if err != nil {
		return step.Plan{}, err
	}
	if len(chosen.removed) == 0 {
		plan := step.Plan{Do: []string{fmt.Sprintf("keep all releases in %s: %s", chosen.dir, listed(chosen.kept))}, Nothing: true}
		plan.Do = append(plan.Do, chosen.reasons...)
		return plan, nil
	}
	plan := step.Plan{
		Do:   []string{fmt.Sprintf("remove from %s, as it is now: %s", chosen.dir, listed(chosen.removed))},
		Undo: []string{"restore " + listed(chosen.removed)},
	}
	plan.Do = append(plan.Do, chosen.reasons...)
	return plan, nil
}

func (prune) Prepare(_ context.Context, run *step.Run, arguments pruneArguments) (pruneMemo, error) {
	chosen, err := choose(run.Machine, arguments, run.Leased)
	memo := pruneMemo{Dir: chosen.dir, Kept: chosen.kept}
	for _, reason := range chosen.reasons {
		run.Log.Info(reason)
	}
	if err != nil || len(chosen.removed) == 0 {
		return memo, err
	}
	dir, err := memo.open(run)
	if err != nil {
		return memo, err
	}
	defer dir.Close()
	for i, name := range chosen.removed {
		one := victim{Name: name, Trash: durable.Prefix + "trash-" + rand.Text()}
		if one.Identity, err = dir.IdentityOf(name); err != nil {
			return memo, durable.Explain(err, "cannot look at %s", dir.Join(name))
		}
		if one.Identity.Inode != inodeOf(chosen.infos[i]) {
			return memo, one.changed(memo.Dir)
		}
		memo.Victims = append(memo.Victims, one)
	}
	return memo, nil
}

// open opens the directory that holds the releases.
func (m pruneMemo) open(run *step.Run) (*openat.Dir, error) {
	dir, _, err := run.Dir(filepath.Join(m.Dir, order.Directory))
	return dir, durable.Explain(err, "cannot look at %s", m.Dir)
}

func (prune) Do(ctx context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) (pruneOutputs, error) {
	if err := ctx.Err(); err != nil {
		return pruneOutputs{}, err
	}
	outputs := pruneOutputs{Kept: memo.Kept}
	if len(memo.Victims) == 0 {
		return outputs, nil
	}
	dir, err := memo.open(run)
	if err != nil {
		return outputs, err
	}
	defer dir.Close()
	for i, one := range memo.Victims {
		if err := ctx.Err(); err != nil {
			return outputs, err
		}
		if err := one.moveAway(dir); err != nil {
			return outputs, err
		}
		run.Log.Info("removed " + one.Name)
		run.Log.Progress(int64(i+1), int64(len(memo.Victims)), "releases")
		outputs.Removed = append(outputs.Removed, one.Name)
	}
	return outputs, durable.Explain(dir.Sync(), "cannot sync %s", dir.Path())
}

// moveAway gives the release its hidden name: the very one that was chosen, or none.
func (v victim) moveAway(dir *openat.Dir) error {
	if err := v.rename(dir, v.Name, v.Trash); err != nil {
		return err
	}
	is, err := v.is(dir)
	if err == nil && !is {
		err = errors.Join(v.changed(dir.Path()), v.rename(dir, v.Trash, v.Name))
	}
	return err
}

func (v victim) rename(dir *openat.Dir, name, other string) error {
	return durable.Explain(dir.RenameNoReplace(name, dir, other), "cannot rename %s to %s", dir.Join(name), dir.Join(other))
}

// is reports whether the hidden name is that of the release.
func (v victim) is(dir *openat.Dir) (bool, error) {
	now, err := dir.IdentityOf(v.Trash)
	if err != nil {
		return false, durable.Explain(err, "cannot look at %s", dir.Join(v.Trash))
	}
	return v.known(now), nil
}

// known reports whether the identity is that of the release. Where inodes do not stay, and in memos of older
// gwes, the name must do.
func (v victim) known(now openat.Identity) bool {
	return v.Identity == openat.Identity{} || now.Volatile || now.Is(v.Identity)
}

func (v victim) changed(dir string) error {
	return fault.New(fault.Failed, "prune-changed", "the directory %s is not the release that was to be removed: another program changed it", filepath.Join(dir, v.Name)).
		WithHint("see what else changes %s: ls -la %s", dir, dir)
}

func (prune) Undo(ctx context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) error {
	if len(memo.Victims) == 0 {
		return nil
	}
	dir, err := memo.open(run)
	if err != nil {
		return err
	}
	defer dir.Close()
	var failures []error
	for i, one := range slices.Backward(memo.Victims) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := one.putBack(dir, filepath.Join(run.Directory, fmt.Sprintf("undone-%d", i))); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(append(failures, durable.Explain(dir.Sync(), "cannot sync %s", dir.Path()))...)
}

// putBack gives the release its name again. undone is a file that tells that it had it already.
func (v victim) putBack(dir *openat.Dir, undone string) error {
	if trash, err := lookIn(dir, v.Trash); err != nil {
		return err
	} else if trash != nil {
		if is, err := v.is(dir); err != nil || !is {
			return errors.Join(err, v.gone(dir.Path()))
		}
		if err := v.rename(dir, v.Trash, v.Name); err != nil {
			return err
		}
		// Where the undo comes again, an older one may have taken it away since. That this is known is a
		// courtesy.
		if file, err := regular.Open(undone, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
			_ = file.Close()
		}
		return nil
	}
	if now, err := lookIn(dir, v.Name); err != nil || now != nil {
		return err
	}
	if _, err := os.Lstat(undone); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return v.gone(dir.Path())
}

func (v victim) gone(dir string) error {
	return fault.New(fault.Failed, "prune-kept-gone", "%s is gone, which was %s before", filepath.Join(dir, v.Trash), filepath.Join(dir, v.Name)).
		WithHint("see what removed it, and put a release there by hand")
}

// Inspect refuses a rollback where a release that was removed cannot come back.
func (prune) Inspect(_ context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) error {
	if len(memo.Victims) == 0 {
		return nil
	}
	dir, err := memo.open(run)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, one := range memo.Victims {
		if trash, err := lookIn(dir, one.Trash); err != nil {
			return err
		} else if trash == nil {
			return one.gone(memo.Dir)
		}
		if is, err := one.is(dir); err != nil || !is {
			return errors.Join(err, one.gone(memo.Dir))
		}
		if now, err := lookIn(dir, one.Name); err == nil && now != nil && !run.Obscured {
			return fault.New(fault.Failed, "prune-changed", "the release %s was removed from %s, and one of that name is there again", one.Name, memo.Dir).
				WithHint("give that another name, and the old one can come back")
		}
	}
	return nil
}

// Touches lists the releases that were removed.
func (prune) Touches(_ *step.Run, _ pruneArguments, memo pruneMemo) (paths []string, err error) {
	for _, one := range memo.Victims {
		paths = append(paths, filepath.Join(memo.Dir, one.Name))
	}
	return paths, nil
}

// Leases are the releases that were removed, as long as they can come back.
func (prune) Leases(_ pruneArguments, memo pruneMemo) (paths []string) {
	for _, one := range memo.Victims {
		paths = append(paths, filepath.Join(memo.Dir, one.Trash))
	}
	return paths
}

// Release deletes what was removed.
func (prune) Release(ctx context.Context, run *step.Run, _ pruneArguments, memo pruneMemo) error {
	if len(memo.Victims) == 0 {
		return nil
	}
	dir, err := memo.open(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	// Those that stay share files with those that go, whose change times are about to be set.
	staying := holdings.Observe(ctx, dir)
	defer staying.Renew(ctx, run.Directory)
	var names []string
	for _, one := range memo.Victims {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := one.discard(dir); err != nil {
			return err
		}
		names = append(names, one.Name)
	}
	order.Forget(dir, names)
	return nil
}

// discard deletes the release, and nothing that has got its hidden name since.
func (v victim) discard(dir *openat.Dir) error {
	is, err := v.is(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && is {
		err = durable.DiscardKnown(dir, v.Trash, func(found *openat.Dir) (bool, error) {
			now, err := found.Identity()
			return v.known(now), err
		})
		is = !errors.Is(err, syscall.ESTALE)
	}
	if !is && (err == nil || errors.Is(err, syscall.ESTALE)) {
		return v.gone(dir.Path())
	}
	return err
}

// Sync has nothing to do: every change above is durable when it returns.
func (prune) Sync(context.Context, *step.Run, pruneArguments, pruneMemo) error { return nil }

// chosen are the releases that go and those that stay, newest first. The reasons say for each one that stays
// why.
type chosen struct {
	dir                    string
	removed, kept, reasons []string
	// infos are those of removed.
	infos []fs.FileInfo
}

// choose decides which releases go.
func choose(machine step.Machine, arguments pruneArguments, leased func(path string) bool) (chosen, error) {
	if arguments.Keep < 1 {
		return chosen{}, fault.New(fault.Refused, "prune-keep", "keep is %d, and at least one release must stay", arguments.Keep).
			WithHint("say keep: 1, or use remove for a release that is not needed")
	}
	dir, err := absolute(arguments.Dir)
	if err != nil {
		return chosen{}, err
	}
	releases, damaged, err := releasesIn(machine, dir)
	if err != nil {
		return chosen{}, err
	}
	result := chosen{dir: dir}
	for _, path := range damaged {
		result.reasons = append(result.reasons, path+" is damaged, and counts as absent in the order of the releases")
	}
	// The failsafe is what is left when all else is gone.
	safe, err := protect(machine, dir, append(slices.Clone(arguments.Protect), failsafeName), releases)
	if err != nil {
		return chosen{}, err
	}
	newest := 0
	for _, one := range releases {
		path := filepath.Join(dir, one.name)
		if !one.bad {
			newest++
		}
		var why []string
		if !one.bad && newest <= arguments.Keep {
			why = []string{fmt.Sprintf("one of the newest %d", arguments.Keep)}
		}
		why = append(why, safe.reasons[one.name]...)
		if leased(path) {
			why = append(why, "the undo of a run needs it")
		}
		mounted, err := durable.MountedAt(machine, path, one.info)
		if err != nil {
			return chosen{}, err
		}
		if mounted != "" {
			why = append(why, "something is mounted on "+mounted)
		}
		if len(why) == 0 {
			result.removed, result.infos = append(result.removed, one.name), append(result.infos, one.info)
			continue
		}
		result.kept = append(result.kept, one.name)
		result.reasons = append(result.reasons, "keep "+one.name+": "+strings.Join(why, "; "))
	}
	return result, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
