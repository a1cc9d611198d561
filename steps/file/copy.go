package file

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Copy is the step type copy.
func Copy() step.Type {
	return step.New(step.About{
		Name:     "copy",
		Summary:  "Copy a file, or a directory with all that is in it",
		Doc:      copyDoc,
		Example:  "copy: { from: /opt/firmware/current/etc/app.conf, to: /etc/app.conf, mode: \"0640\", owner: \"root:app\" }\n",
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "to"}},
		Undo:     "puts the old file or directory back, or removes the copy",
		UndoData: placement.UndoData,

		MakesDirectory: true,
	}, copying{placement.Action[copyArguments, copyMemo]{Verb: "copy"}})
}

const copyDoc = `The copy keeps content, mode, owner, modification time, extended attributes (ACLs are among them) and holes, as cp -a
does; in a directory also symbolic links as they are, hard links among its own files, devices and FIFOs. mode and owner change that. A
symbolic link at from itself is followed. What is already as wanted, times included, is left
alone. Not copied, and named in the log, are names that gwe itself gave: those that start with .gwe- and hold the id of a run, and
.gwe-releases.

to is the name of the copy, not the directory to put it in. It is made under a hidden name beside to, made durable, and renamed:
a reader sees the old file or the new one, never a part, and other hard links of the old file keep the old content.

A file takes the place of a file. Anything else in the place, a directory or a symbolic link, is refused unless replace is
true. Then it goes as a whole: nothing is merged into a directory. Refused are also a directory on which something is mounted, a copy of a
directory into itself, and a numeric mode that would close all directories of a tree.

Undo puts the old file or directory itself back, or removes the copy where there was none. What somebody else has put
there since is left alone, and the undo fails. What came into the copy after the commit or was changed since, a rollback by hand moves to
.NAME.kept-RUN beside it. The undo does not need what was copied.`

type copying struct {
	placement.Action[copyArguments, copyMemo]
}

// copyArguments are what a recipe gives.
type copyArguments struct {
	From    value.Path `name:"from" required:"true" help:"the file or directory to copy"`
	To      value.Path `name:"to" required:"true" help:"the copy's own path"`
	Mode    string     `name:"mode" pattern:"[0-7]{3,4}|[ugoa]*[-+=][rwxXst]*(,[ugoa]*[-+=][rwxXst]*)*" help:"octal digits in quotes, or clauses as chmod has them: u=rwX,go=rX; where it is left out, as it was"`
	Owner   string     `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number; where it is left out, as it was"`
	Replace bool       `name:"replace" default:"false" help:"whether a directory, a link or anything else than a file may be replaced too"`
}

// copyMemo is what the undo needs.
type copyMemo struct{ placement.Placement }

// changed is the output of the types that put something in a place.
type changed struct {
	Changed bool `name:"changed" help:"whether it was not as wanted already"`
}

// wantedCopy is what is to be copied where.
type wantedCopy struct {
	from, to string
	source   fs.FileInfo
	// found is what is at to; nil where nothing is.
	found fs.FileInfo
	// satisfied reports whether the copy is there already.
	satisfied bool
	overrides
}

func (a copyArguments) resolve(machine step.Machine, leased func(string) bool) (want wantedCopy, err error) {
	if want.from, want.source, err = sourceOf("copy", a.From); err != nil {
		return want, err
	}
	if want.to, err = placement.Absolute(a.To); err != nil {
		return want, err
	}
	if want.overrides, err = overridden(a.Mode, a.Owner); err != nil {
		return want, err
	}
	if want.source.IsDir() && want.mode != nil && want.mode.blind() {
		return want, closing("copy", a.Mode)
	}
	if strings.HasSuffix(string(a.To), "/") && want.to != "/" && !want.source.IsDir() {
		return want, fault.New(fault.Refused, "copy-to-a-directory", "%s ends with a slash, and to is the copy's own name", a.To).
			WithHint("write to: %s", filepath.Join(want.to, filepath.Base(string(a.From))))
	}
	if want.found, err = placement.Destination(machine, "copy", want.to); err != nil {
		return want, err
	}
	if err := apart(machine, "copy", want.from, want.to, want.source, want.found); err != nil || want.found == nil {
		return want, err
	}
	if alike(placement.Plain(machine), want.from, want.to, want.overrides) {
		want.satisfied = true
		return want, nil
	}
	return want, replaceable(machine, leased, "copy", want.to, filepath.Base(want.from), want.source, want.found, a.Replace)
}

// sourceOf gives the real path and the kind of what is to be copied: a link at the path itself is followed.
func sourceOf(verb string, from value.Path) (string, fs.FileInfo, error) {
	path, err := placement.Absolute(from)
	if err != nil {
		return "", nil, err
	}
	source, err := follow(path)
	if step.IsParentChanged(err) {
		return "", nil, err
	}
	if err == nil {
		defer source.Close()
		var info fs.FileInfo
		if info, err = source.Lstat(); err == nil && info != nil {
			return source.Path, info, nil
		}
	}
	return "", nil, fault.New(fault.Failed, verb+"-missing", "there is nothing at %s", path).
		WithHint("see what is there: ls -l %s", filepath.Dir(path)).WithCause(err)
}

// follow finds what is at a path, links at its end followed.
func follow(path string) (placement.Location, error) {
	dir, name, err := openat.Follow(path)
	if err != nil {
		return placement.Location{}, err
	}
	found := placement.Location{Dir: dir, Name: name, Path: path}
	real, err := dir.Real()
	if err == nil {
		found.Path = filepath.Join(real, name)
		err = unplanted(found)
	}
	if err != nil {
		dir.Close()
	}
	return found, err
}

// unplanted refuses a file that another user may have linked there for gwe to hand out.
func unplanted(found placement.Location) error {
	status, err := found.Dir.Stat(found.Name)
	if err != nil {
		return err
	}
	planted, err := found.Dir.Planted(status)
	if err == nil && planted {
		err = found.Dir.UnsafeHardLink(found.Name, status)
	}
	return err
}

// duplicate makes the copy under its hidden name.
func (w wantedCopy) duplicate(ctx context.Context, run *step.Run, from, hidden string) error {
	path, err := placement.Absolute(value.Path(from))
	if err != nil {
		return err
	}
	source, err := follow(path)
	if err != nil {
		return durable.Explain(err, "cannot copy %s", path)
	}
	defer source.Close()
	return duplicateForUndo(ctx, run, source, hidden, w.overrides)
}

// overridden reads mode and owner.
func overridden(mode, owner string) (change overrides, err error) {
	change = asItIs
	if mode != "" {
		if change.mode, err = parseModeChange(mode); err != nil {
			return change, err
		}
	}
	if owner != "" {
		change.uid, change.gid, err = placement.ParseOwner(owner)
	}
	return change, err
}

// closing refuses a number without x for a whole tree: nobody could enter its directories any more.
func closing(verb, mode string) error {
	return fault.New(fault.Refused, verb+"-closes-directories", "mode %s would take from every directory the permission to enter it", mode).
		WithHint("write clauses with a capital X, which means directories and programs only: u=rwX,go=rX")
}

// apart refuses two places of which one lies in the other, however their paths are written; found is what is
// at to.
func apart(machine step.Machine, verb, from, to string, source, found fs.FileInfo) error {
	if within(machine, filepath.Dir(to), source) || found != nil && (os.SameFile(source, found) || within(machine, filepath.Dir(from), found)) {
		return fault.New(fault.Refused, verb+"-into-itself", "%s and %s are the same, or one lies in the other", from, to).
			WithHint("choose another place")
	}
	return nil
}

// within reports whether a directory is the other one or lies in it. It goes up by "..", as the kernel has
// it.
func within(machine step.Machine, directory string, other fs.FileInfo) bool {
	var below fs.FileInfo
	for {
		info, err := machine.Stat(directory)
		if err != nil || below != nil && os.SameFile(info, below) {
			return false
		}
		if os.SameFile(info, other) {
			return true
		}
		directory, below = directory+"/..", info
	}
}

// replaceable refuses what may not be replaced. name is what the source is called.
func replaceable(machine step.Machine, leased func(string) bool, verb, to, name string, source, found fs.FileInfo, replace bool) error {
	if !replace && !(source.Mode().IsRegular() && found.Mode().IsRegular() && verb == "copy") {
		what, hint := "is there already", "write replace: true to have it replaced as a whole; the undo restores it"
		if found.IsDir() && !source.IsDir() {
			what, hint = "is a directory", fmt.Sprintf("to put it into the directory, write to: %s", filepath.Join(to, name))
		}
		return fault.New(fault.Refused, verb+"-would-replace", "%s %s", to, what).WithHint("%s", hint)
	}
	if found.IsDir() {
		return placement.Movable(machine, leased, verb, to, found)
	}
	return nil
}

func (copying) Plan(_ context.Context, machine step.Machine, arguments copyArguments) (step.Plan, error) {
	want, err := arguments.resolve(machine, nil)
	if err != nil {
		return step.Plan{}, missing(err, arguments.From)
	}
	if want.satisfied {
		return step.Plan{Do: []string{want.to + " is as wanted"}, Nothing: true}, nil
	}
	size, count := measure(machine, want.from, want.source)
	what := value.SizeOf(size).String()
	if want.source.IsDir() {
		what = fmt.Sprintf("%d entries, %s", count, what)
	}
	plan := step.Plan{
		Do:    []string{fmt.Sprintf("copy %s to %s: %s", want.from, want.to, what)},
		Undo:  []string{"remove " + want.to},
		Space: map[string]int64{filepath.Dir(want.to): size},
		Reads: size, Writes: size,
	}
	if want.found != nil {
		plan.Undo = []string{"put the old " + want.to + " back"}
	}
	return plan, nil
}

func (copying) Prepare(_ context.Context, run *step.Run, arguments copyArguments) (copyMemo, error) {
	want, err := arguments.resolve(placement.Looking(run), run.Leased)
	if err != nil || want.satisfied {
		return copyMemo{}, err
	}
	placed, err := placement.New(want.to, run, want.found)
	if err != nil {
		return copyMemo{}, err
	}
	memo := copyMemo{placed}
	if want.source.IsDir() {
		memo.Placement = memo.Among(run)
	}
	return memo, nil
}

func (copying) Do(ctx context.Context, run *step.Run, arguments copyArguments, memo copyMemo) (changed, error) {
	if err := ctx.Err(); err != nil || memo.New == "" {
		return changed{}, err
	}
	want, err := arguments.resolve(placement.Looking(run), run.Leased)
	if err != nil {
		return changed{}, err
	}
	if err := want.duplicate(ctx, run, string(arguments.From), memo.New); err != nil {
		return changed{}, err
	}
	return changed{Changed: true}, memo.Put(ctx, run, true)
}
