package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Chmod is the step type chmod.
func Chmod() step.Type {
	return step.New(step.About{
		Name:    "chmod",
		Summary: "Change the mode or the owner of a file, or of all that is in a directory",
		Choices: []step.Choice{{Names: []string{"mode", "owner"}, Several: true}},
		Doc: `mode is octal digits or clauses, as chmod has them; with recursive: true, u=rwX,go=rX opens directories and programs and no other
file. owner is user:group. Of the symbolic links below the path only the owner is changed, and none is followed. As with chown, a
file whose owner changes loses its capabilities. Entries that are as wanted already are not touched.

Refused are a symbolic link at the path, neither mode nor owner, and a number without x for all of a tree: nobody could enter
its directories any more.

Undo gives every entry that was changed its own mode, owner and capabilities back. Entries that came, went or were replaced
since are left alone.

An overlayfs without an index (its default) makes a file of a lower layer that has several names, and whose mode or owner changes, a file of its
own: names of it that are not below the path keep the old mode. The log says so. Undo links the names below the path again; those that are
elsewhere it cannot.`,
		Example: "chmod: { path: /var/lib/firmware, mode: \"u=rwX,g=rX,o=\", owner: \"firmware:firmware\", recursive: true }\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "path"}},
		Undo:    "gives each entry its own mode and owner back",

		MakesDirectory: true,
	}, chmod{})
}

type chmod struct{}

// chmodArguments are what a recipe gives.
type chmodArguments struct {
	Path      value.Path `name:"path" required:"true" help:"the file or directory"`
	Mode      string     `name:"mode" pattern:"[0-7]{3,4}|[ugoa]*[-+=][rwxXst]*(,[ugoa]*[-+=][rwxXst]*)*" help:"octal digits in quotes, or clauses as chmod has them: u=rwX,go=rX"`
	Owner     string     `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number"`
	Recursive bool       `name:"recursive" default:"false" help:"whether all that is below the directory is meant too"`
}

// chmodMemo is what the undo needs; the entries themselves are in Run.Directory, one JSON object a line.
type chmodMemo struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
}

// chmodOutputs are what later steps may read.
type chmodOutputs struct {
	Changed int `name:"changed" help:"how many entries were not as wanted already"`
}

// beforeName is the file in Run.Directory that lists the entries as they were. settledBefore is the same list
// as Verify found it: with the inodes of the files that programs of the run have put in their places.
const (
	beforeName    = "before"
	settledBefore = beforeName + step.Settled
)

// capability is the extended attribute that a change of owner takes away.
const capability = "security.capability"

// wantedPermissions is what is to be changed how.
type wantedPermissions struct {
	path string
	info fs.FileInfo
	overrides
}

func (a chmodArguments) resolve(machine step.Machine) (want wantedPermissions, err error) {
	if want.path, err = placement.Absolute(a.Path); err != nil {
		return want, err
	}
	if a.Mode == "" && a.Owner == "" {
		return want, fault.New(fault.Refused, "chmod-nothing", "chmod has neither mode nor owner").WithHint("give one of the two, or both")
	}
	if want.overrides, err = overridden(a.Mode, a.Owner); err != nil {
		return want, err
	}
	if want.info, err = placement.Lstat(machine, want.path); err != nil {
		return want, err
	}
	switch {
	case want.info == nil:
		return want, fault.New(fault.Failed, "chmod-missing", "there is nothing at %s", want.path).
			WithHint("see what is there: ls -l %s", filepath.Dir(want.path))
	case want.info.Mode()&fs.ModeSymlink != 0:
		return want, fault.New(fault.Refused, "chmod-link", "%s is a symbolic link", want.path).WithHint("name what it points to")
	case a.Recursive && want.info.IsDir() && want.mode != nil && want.mode.blind():
		return want, closing("chmod", a.Mode)
	}
	return want, nil
}

// after gives the permissions that an entry is to have which has those.
func (w wantedPermissions) after(before permissions, mode uint32) permissions {
	after := before
	kind := mode & unix.S_IFMT
	if w.mode != nil && kind != unix.S_IFLNK {
		after.Mode = w.mode.apply(before.Mode, kind == unix.S_IFDIR)
	}
	if w.uid >= 0 {
		after.UID, after.GID = w.uid, w.gid
	}
	return after
}

func (chmod) Plan(ctx context.Context, machine step.Machine, arguments chmodArguments) (step.Plan, error) {
	want, err := arguments.resolve(machine)
	if err != nil {
		return step.Plan{}, err
	}
	base, _, err := openat.OpenParent(want.path)
	if err != nil {
		return step.Plan{}, durable.Explain(err, "cannot open the directory of %s", want.path)
	}
	defer base.Close()
	changing := 0
	count, err := want.each(ctx, base, arguments.Recursive, func(formerly, *openat.Entry) error { changing++; return nil })
	if err != nil {
		return step.Plan{}, err
	}
	if changing == 0 {
		return step.Plan{Do: []string{want.path + " is as wanted"}, Nothing: true}, nil
	}
	var what []string
	if arguments.Mode != "" {
		what = append(what, "mode "+arguments.Mode)
	}
	if arguments.Owner != "" {
		what = append(what, "owner "+arguments.Owner)
	}
	whole := ""
	if arguments.Recursive {
		whole = fmt.Sprintf(" and what is below it: %d of %d entries change", changing, count)
	}
	return step.Plan{
		Do:   []string{fmt.Sprintf("give %s %s%s", want.path, strings.Join(what, " and "), whole)},
		Undo: []string{fmt.Sprintf("give %d entries their own mode and owner back", changing)},
	}, nil
}

func (chmod) Prepare(ctx context.Context, run *step.Run, arguments chmodArguments) (chmodMemo, error) {
	want, err := arguments.resolve(placement.Looking(run))
	if err != nil {
		return chmodMemo{}, err
	}
	memo := chmodMemo{Path: want.path}
	base, _, err := run.Dir(want.path)
	if err != nil {
		return memo, durable.Explain(err, "cannot open the directory of %s", want.path)
	}
	defer base.Close()
	list := listWriter{run: run}
	_, err = want.each(ctx, base, arguments.Recursive, func(one formerly, entry *openat.Entry) error {
		memo.Count++
		if want.uid >= 0 {
			// Where there is none, or none can be read, none can be lost.
			if value, err := entry.Attributes().Get(capability); err == nil {
				one.Capability = value
			}
		}
		return list.add(one)
	})
	err = errors.Join(err, list.close())
	if err != nil && ctx.Err() != nil {
		return memo, ctx.Err()
	}
	return memo, durable.Explain(err, "cannot write down how %s was", want.path)
}

func (chmod) Do(ctx context.Context, run *step.Run, arguments chmodArguments, memo chmodMemo) (chmodOutputs, error) {
	if err := ctx.Err(); err != nil || memo.Count == 0 {
		return chmodOutputs{}, err
	}
	want := wantedPermissions{path: memo.Path}
	var err error
	if want.overrides, err = overridden(arguments.Mode, arguments.Owner); err != nil {
		return chmodOutputs{}, err
	}
	split := splits{}
	err = memo.each(run, func(dir *openat.Dir, name string, one formerly) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry, status, err := one.find(dir, name, false)
		if err != nil || entry == nil {
			return err
		}
		defer entry.Close()
		if err := want.after(one.permissions, status.Mode).give(entry); err != nil {
			return err
		}
		return split.look(entry, status)
	})
	split.tell(run.Log, memo.Path)
	return chmodOutputs{Changed: memo.Count}, err
}

// Undo needs no context: it is a list, and continues with the next entry where one fails.
func (chmod) Undo(_ context.Context, run *step.Run, _ chmodArguments, memo chmodMemo) error {
	if memo.Count == 0 {
		return nil
	}
	base, _, err := run.Dir(memo.Path)
	base.Close()
	if errors.Is(err, fs.ErrNotExist) && !step.IsParentChanged(err) {
		return nil // with the directory that they were in, all entries went
	}
	var failures []error
	links := splitLinks{}
	err = memo.each(run, func(dir *openat.Dir, name string, one formerly) error {
		entry, status, err := one.find(dir, name, run.Followed && !run.AfterCommit)
		if err == nil && entry != nil {
			links.add(one, status)
			err = one.giveBack(entry)
			entry.Close()
		}
		if err != nil && len(failures) < 10 {
			failures = append(failures, err)
		}
		return nil
	})
	if len(failures) == 0 && err == nil {
		err = links.join(run, memo.Path)
	}
	return errors.Join(append(failures, err)...)
}

// Verify refuses nothing. What programs of the run have put in the place of entries, as sed -i does, is known
// for a rollback from here on.
func (chmod) Verify(ctx context.Context, run *step.Run, _ chmodArguments, memo chmodMemo) error {
	if !run.Followed || run.AfterCommit || memo.Count == 0 {
		return nil
	}
	var lines bytes.Buffer
	encoder, replaced := json.NewEncoder(&lines), false
	err := memo.each(run, func(dir *openat.Dir, name string, one formerly) error {
		entry, status, err := one.find(dir, name, true)
		if err != nil {
			return err
		}
		if entry != nil {
			entry.Close()
			if status.Ino != one.Inode && !one.copiedUp(status) {
				one.Inode, replaced = status.Ino, true
			}
			if one.Modified != 0 {
				one.Size, one.Modified = status.Size, status.Mtim.Nano()
			}
		}
		return errors.Join(ctx.Err(), encoder.Encode(one))
	})
	if err != nil || !replaced {
		return err
	}
	return durable.WriteSealed(filepath.Join(run.Directory, settledBefore), lines.Bytes())
}
