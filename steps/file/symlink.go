package file

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Symlink is the step type symlink.
func Symlink() step.Type {
	return step.New(step.About{
		Name:    "symlink",
		Summary: "Make a symbolic link, or point an old one elsewhere",
		Doc: `The link holds the text of to as it is written: a relative one is read from the link's own folder, as with ln -s. Unlike
swap-link, which switches releases, it may point at what is not there (yet). It is made beside the path and renamed: a
symbolic link that is there already is replaced at once. One that holds the same text is left alone.

Refused are a file and a folder in the link's place: remove or move them in a step before.

Undo puts the old link itself back, or removes the new one. What somebody else has put there since is left alone, and the
undo fails.`,
		Example: "symlink: { link: /usr/local/bin/firmware, to: /opt/firmware/current/bin/firmware }\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "link"}},
		Undo:    "puts the old link back, or removes the new one",
	}, symlink{})
}

type symlink struct{}

// symlinkArguments are what a recipe gives.
type symlinkArguments struct {
	Link value.Path `name:"link" required:"true" help:"the symbolic link"`
	To   string     `name:"to" required:"true" help:"what it holds: an absolute path, or one from the link's own folder"`
}

// symlinkMemo is what the undo needs.
type symlinkMemo struct{ placement }

// resolve gives the link's path and the old link, nil where there is none. nothing tells that it holds the text already.
func (a symlinkArguments) resolve(machine step.Machine) (link string, found fs.FileInfo, nothing bool, err error) {
	if link, err = absolute(a.Link); err != nil {
		return "", nil, false, err
	}
	if a.To == "" || strings.ContainsRune(a.To, 0) {
		return "", nil, false, fault.New(fault.Refused, "symlink-no-target", "a symbolic link holds a path, and %q is none", a.To).
			WithHint("write to: /the/path, or one from the folder of the link")
	}
	if found, err = destination(machine, "symlink", link); err != nil || found == nil {
		return link, nil, false, err
	}
	if found.Mode()&fs.ModeSymlink == 0 {
		return "", nil, false, fault.New(fault.Refused, "symlink-not-a-link", "%s is there, and is no symbolic link", link).
			WithHint("move or remove it in a step before, if it may go")
	}
	text, err := machine.ReadLink(link)
	if err != nil {
		return "", nil, false, durable.Explain(err, "cannot read the link %s", link)
	}
	return link, found, text == a.To, nil
}

func (symlink) Plan(_ context.Context, machine step.Machine, arguments symlinkArguments) (step.Plan, error) {
	link, found, nothing, err := arguments.resolve(machine)
	switch {
	case err != nil:
		return step.Plan{}, err
	case nothing:
		return step.Plan{Do: []string{fmt.Sprintf("leave %s pointing at %s", link, arguments.To)}, Nothing: true}, nil
	case found == nil:
		return step.Plan{Do: []string{fmt.Sprintf("link %s -> %s", link, arguments.To)}, Undo: []string{"remove " + link}}, nil
	}
	old, err := machine.ReadLink(link)
	return step.Plan{
		Do:   []string{fmt.Sprintf("link %s -> %s (now %s)", link, arguments.To, old)},
		Undo: []string{fmt.Sprintf("point %s back at %s", link, old)},
	}, err
}

func (symlink) Prepare(_ context.Context, run *step.Run, arguments symlinkArguments) (symlinkMemo, error) {
	link, found, nothing, err := arguments.resolve(looking(run))
	if err != nil || nothing {
		return symlinkMemo{}, err
	}
	placed, err := placementAt(link, run, found)
	return symlinkMemo{placed}, err
}

func (symlink) Do(ctx context.Context, run *step.Run, arguments symlinkArguments, memo symlinkMemo) (changed, error) {
	if err := ctx.Err(); err != nil || memo.New == "" {
		return changed{}, err
	}
	if _, _, _, err := arguments.resolve(looking(run)); err != nil {
		return changed{}, err
	}
	dir, name, err := run.Dir(memo.New)
	if err != nil {
		return changed{}, durable.Explain(err, "cannot make the link %s", memo.Path)
	}
	defer dir.Close()
	if err := dir.Symlink(arguments.To, name); err != nil {
		return changed{}, durable.Explain(err, "cannot make the link %s", memo.Path)
	}
	return changed{Changed: true}, memo.put(ctx, run, false)
}

// Sync has nothing left to do: the rename was durable.
func (symlink) Sync(context.Context, *step.Run, symlinkArguments, symlinkMemo) error { return nil }

func (symlink) Undo(ctx context.Context, run *step.Run, _ symlinkArguments, memo symlinkMemo) error {
	return memo.undo(ctx, run, "symlink", nil)
}

// Inspect refuses a rollback where what was there before is gone.
func (symlink) Inspect(_ context.Context, run *step.Run, _ symlinkArguments, memo symlinkMemo) error {
	return memo.inspect(run, "symlink")
}

// Keeps foresees what a manual rollback would move aside: it was changed after the commit.
func (symlink) Keeps(ctx context.Context, run *step.Run, _ symlinkArguments, memo symlinkMemo) (step.Keeping, error) {
	return memo.keeps(ctx, run)
}

// Verify refuses nothing: see made.Settle.
func (symlink) Verify(ctx context.Context, run *step.Run, _ symlinkArguments, memo symlinkMemo) error {
	return memo.settle(ctx, run)
}

func (symlink) Leases(_ symlinkArguments, memo symlinkMemo) []string { return memo.leases() }

func (symlink) Release(_ context.Context, run *step.Run, _ symlinkArguments, memo symlinkMemo) error {
	return memo.release(run)
}
