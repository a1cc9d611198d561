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
	"github.com/gwe-project/gwe/steps/placement"
)

// Symlink is the step type symlink.
func Symlink() step.Type {
	return step.New(step.About{
		Name:    "symlink",
		Summary: "Make a symbolic link, or point an old one elsewhere",
		Doc: `The link holds the text of to as it is written: a relative one is read from the link's own directory, as with ln -s. Unlike
swap-link, which switches releases, it may point at what is not there (yet). It is made beside the path and renamed: a
symbolic link that is there already is replaced at once. One that holds the same text is left alone.

Refused are a file and a directory in the link's place: remove or move them in a step before.

Undo puts the old link itself back, or removes the new one. What somebody else has put there since is left alone, and the
undo fails.`,
		Example:  "symlink: { link: /usr/local/bin/firmware, to: /opt/firmware/current/bin/firmware }\n",
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "link"}},
		Undo:     "puts the old link back, or removes the new one",
		UndoData: placement.UndoData,

		MakesDirectory: true,
	}, symlink{placement.Action[symlinkArguments, symlinkMemo]{Verb: "symlink"}})
}

type symlink struct {
	placement.Action[symlinkArguments, symlinkMemo]
}

// symlinkArguments are what a recipe gives.
type symlinkArguments struct {
	Link value.Path `name:"link" required:"true" help:"the symbolic link"`
	To   string     `name:"to" required:"true" help:"what it holds: an absolute path, or one from the link's own directory"`
}

// symlinkMemo is what the undo needs.
type symlinkMemo struct{ placement.Placement }

// resolve gives the link's path and the old link, nil where there is none. nothing tells that it holds the
// text already.
func (a symlinkArguments) resolve(machine step.Machine) (link string, found fs.FileInfo, nothing bool, err error) {
	if link, err = placement.Absolute(a.Link); err != nil {
		return "", nil, false, err
	}
	if a.To == "" || strings.ContainsRune(a.To, 0) {
		return "", nil, false, fault.New(fault.Refused, "symlink-no-target", "a symbolic link holds a path, and %q is none", a.To).
			WithHint("write to: /the/path, or one from the directory of the link")
	}
	if found, err = placement.Destination(machine, "symlink", link); err != nil || found == nil {
		return link, nil, false, err
	}
	if found.Mode()&fs.ModeSymlink == 0 {
		return "", nil, false, fault.New(fault.Refused, "symlink-not-a-link", "%s is there, and is not a symbolic link", link).
			WithHint("move or remove it in a step before, if it may go")
	}
	text, err := machine.ReadLink(link)
	if err != nil {
		return "", nil, false, durable.Explain(err, "cannot read the link %s", link)
	}
	return link, found, text == a.To, nil
}

// at opens the directory of the link once: what is looked at is where the step acts. If that fails, it is not
// open, and resolve says why.
func (a symlinkArguments) at(run *step.Run) placement.Location {
	link, err := placement.Absolute(a.Link)
	if err != nil {
		return placement.Location{}
	}
	here, err := placement.At(run, link)
	if err != nil {
		return placement.Location{Path: link}
	}
	return here
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
	here := arguments.at(run)
	defer here.Close()
	_, found, nothing, err := arguments.resolve(here.Looking(run))
	if err != nil || nothing {
		return symlinkMemo{}, err
	}
	placed, err := placement.NewAt(here, run, found)
	return symlinkMemo{placed}, err
}

func (symlink) Do(ctx context.Context, run *step.Run, arguments symlinkArguments, memo symlinkMemo) (changed, error) {
	if err := ctx.Err(); err != nil || memo.New == "" {
		return changed{}, err
	}
	here := arguments.at(run)
	defer here.Close()
	if _, _, _, err := arguments.resolve(here.Looking(run)); err != nil {
		return changed{}, err
	}
	dir, err := here.Directory()
	if err != nil {
		return changed{}, err
	}
	if err := dir.Symlink(arguments.To, here.Beside(memo.New).Name); err != nil {
		return changed{}, durable.Explain(err, "cannot make the link %s", memo.Path)
	}
	return changed{Changed: true}, memo.PutAt(ctx, run, here, false)
}
