package release

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// LinkTree is the step type link-tree.
func LinkTree() step.Type {
	return step.New(step.About{
		Name:    "link-tree",
		Summary: "Mirror a tree of the release into the system by links",
		Doc:     linkTreeDoc,
		Example: "link-tree:\n  from: [/opt/firmware/current/root]\n  into: /\n  previous: [/opt/firmware/firmware-1/root]\n  releases: /opt/firmware\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "into"}},
		Undo:    "restores what was replaced or removed, and removes the new links and directories",
	}, linkTree{})
}

const linkTreeDoc = `Every file of the trees in from, links and special files included, gets a link at the same place below into: a symbolic link
with the file's path as from spells it, or a hard link. So a from that goes through the link to the running release, as in the example,
makes links that follow every later switch. Directories are made where they are missing, with the mode and owner of those in the tree; directories
that are there stay as they are, also where they are reached by a symbolic link (/lib, say), which must not lead out of into.

A link that is already right is not touched. What else stands in a link's place is replaced in one moment, and kept under a hidden name
beside it until the undo can no longer be asked for.

Links into an older release are removed where they are stale: at a place where no tree in from has anything, a symbolic link to the same place
below a tree in from or previous, or below releases where that does not exist any more, or a hard link of the file that a tree in
previous has there. They are looked for in the directories that the trees in from and previous have, and nowhere else. Directories stay.

Refused before anything is changed, all of it at once: two trees that want the same place, a file where a directory is wanted and a directory
where a link is wanted, and a place that leads into a tree itself or out of into. Hard links need one file system.

Undo is exact. A place that somebody else has changed since is left alone, and the undo fails. A directory that was made and is not empty
by then stays; after the commit (gwe rollback) that is not a failure.`

type linkTreeArguments struct {
	From     []value.Path `name:"from" required:"true" help:"the trees"`
	Into     value.Path   `name:"into" default:"/" help:"the directory that gets the links"`
	Links    string       `name:"links" enum:"symbolic,hard" default:"symbolic" help:"the kind of the links"`
	Previous []value.Path `name:"previous" help:"the trees of the release before, whose links may be stale"`
	Releases *value.Path  `name:"releases" help:"the directory that holds the releases: links to what does not exist below it are stale too"`
}

// linkTreeMemo is small: the changes, one by one, are in Run.Directory.
type linkTreeMemo struct {
	Changes   int `json:"changes"`
	Unchanged int `json:"unchanged"`
	// Into is the directory that gets the links, without links; "" in journals of older gwes.
	Into string `json:"into,omitempty"`
}

type linkTreeOutputs struct {
	Made      int `name:"made" help:"how many links were made where nothing was"`
	Replaced  int `name:"replaced" help:"how many links took the place of something else"`
	Removed   int `name:"removed" help:"how many stale links were removed"`
	Unchanged int `name:"unchanged" help:"how many links were right already"`
}

type linkTree struct{}

func (linkTree) Plan(ctx context.Context, machine step.Machine, arguments linkTreeArguments) (step.Plan, error) {
	for _, tree := range arguments.From {
		if _, err := machine.Stat(string(tree)); err != nil {
			return step.Plan{
				Do:   []string{fmt.Sprintf("link what is in %s into %s, once it is there", tree, arguments.Into)},
				Undo: []string{"restore what was replaced or removed, and remove what was made"},
			}, nil
		}
	}
	found := map[changeKind]*tally{makeDirectory: {}, makeLink: {}, replaceByLink: {}, removeStale: {}}
	s := surveyor{ctx: ctx, machine: machine, found: func(one change) error {
		found[one.Kind].add(one.Path)
		return nil
	}}
	unchanged, err := s.survey(arguments)
	if err != nil {
		return step.Plan{}, err
	}
	var plan step.Plan
	for _, part := range []struct {
		kind     changeKind
		do, undo string
	}{
		{makeDirectory, "make %d directories: %s", "remove %d directories: %s"},
		{makeLink, "make %d links: %s", "remove %d links: %s"},
		{replaceByLink, "replace %d files by links: %s", "restore %d files: %s"},
		{removeStale, "remove %d stale links: %s", "restore %d stale links: %s"},
	} {
		if of := found[part.kind]; of.count > 0 {
			plan.Do = append(plan.Do, fmt.Sprintf(part.do, of.count, of))
			plan.Undo = append(plan.Undo, fmt.Sprintf(part.undo, of.count, of))
		}
	}
	if len(plan.Do) == 0 {
		return step.Plan{Do: []string{fmt.Sprintf("leave %s: as it is now, all %d links are right", arguments.Into, unchanged)}, Nothing: true}, nil
	}
	return plan, nil
}

// tally is the number of changes of a kind, and the names of the first ones.
type tally struct {
	count int
	first []string
}

const shownNames = 5

func (t *tally) add(path name) {
	if t.count++; t.count <= shownNames {
		t.first = append(t.first, fmt.Sprintf("%q", path))
	}
}

func (t *tally) String() string {
	names := strings.Join(t.first, ", ")
	if t.count > shownNames {
		names += ", ..."
	}
	return names
}

func (linkTree) Prepare(ctx context.Context, run *step.Run, arguments linkTreeArguments) (linkTreeMemo, error) {
	for _, tree := range arguments.From {
		if info, err := run.Machine.Stat(string(tree)); err != nil || !info.IsDir() {
			return linkTreeMemo{}, fault.New(fault.Failed, "link-tree-no-tree", "there is no directory %s to link", tree).
				WithHint("the step that makes it comes before this one").WithCause(err)
		}
	}
	list, err := newListWriter(run)
	if err != nil {
		return linkTreeMemo{}, err
	}
	s := surveyor{ctx: ctx, machine: run.Machine, found: list.add}
	unchanged, err := s.survey(arguments)
	memo := linkTreeMemo{Changes: list.count, Unchanged: unchanged, Into: s.realInto}
	if err := cmp.Or(err, list.close()); err != nil {
		return memo, err
	}
	return memo, memo.confirm(ctx, run)
}

// confirm looks at each place once more, as Do opens it. The survey goes by paths: a user who swaps a
// directory meanwhile makes it note the inodes of another tree, in which neither Do nor Undo would ever find
// its places again.
func (m linkTreeMemo) confirm(ctx context.Context, run *step.Run) error {
	into, err := m.open(run)
	into.Close()
	if err != nil {
		return err
	}
	in, err := m.mirror(run)
	if err != nil {
		return err
	}
	defer in.close()
	return m.each(ctx, run.Directory, func(one change) error {
		at, err := in.of(one)
		if err != nil {
			return err
		}
		if at.dir == nil && one.In != 0 {
			return otherDirectory(filepath.Dir(string(one.Path)), "it is not there any more")
		}
		now, err := at.now()
		if err == nil && (now == nil) != (one.Old == 0) || now != nil && now.Ino != one.Old {
			err = one.changed()
		}
		return err
	})
}
