package file

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/placement"
)

// Write is the step type write.
func Write() step.Type {
	return step.New(step.About{
		Name:    "write",
		Summary: "Write a file with a given content, mode and owner",
		Doc: `The new content goes to a hidden file beside the path, is made durable, and is renamed over it: a reader sees the old file
or the new one, never a part, and other hard links of the old file keep the old content. A file that is already as wanted is
left alone. The directory must exist. Extended attributes of the old file are not copied.

Refused are a directory and a symbolic link at the path.

Undo puts the old file itself back, with its times and links, or removes the file where there was none. A file that somebody
else has put there since is left alone, and the undo fails; what a program of the run made of it before the commit, sed -i say, goes too.`,
		Example:  "write:\n  path: /etc/firmware/site.conf\n  content: |\n    site = ${{ host.name }}\n  mode: \"0640\"\n",
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "path"}},
		Undo:     "puts the old file back, or removes the new one",
		UndoData: placement.UndoData,

		MakesDirectory: true,
	}, write{placement.Action[writeArguments, writeMemo]{Verb: "write"}})
}

type write struct {
	placement.Action[writeArguments, writeMemo]
}

// writeArguments are what a recipe gives.
type writeArguments struct {
	Path    value.Path `name:"path" required:"true" help:"the file"`
	Content string     `name:"content" required:"true" secrets:"true" readers:"mode" help:"all of its content"`
	Mode    string     `name:"mode" pattern:"[0-7]{3,4}" help:"octal digits in quotes; where it is left out, 0600 for a content with a secret, else the old file's, or 0644"`
	Owner   string     `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number; where it is left out, the old file's, or the one gwe runs as"`
}

// writeMemo is what the undo needs.
type writeMemo struct{ placement.Placement }

// writeOutputs are what later steps may read.
type writeOutputs struct {
	Changed bool `name:"changed" help:"whether the file was not as wanted already"`
}

// wanted is how the file is to be.
type wanted struct {
	path     string
	content  []byte
	mode     fs.FileMode
	uid, gid int
}

// resolve fills in what the arguments leave to the old file; info is nil where there is none.
func (a writeArguments) resolve(machine step.Machine) (want wanted, info fs.FileInfo, err error) {
	return resolve(machine, "write", a.Path, a.Mode, a.Owner, []byte(a.Content))
}

// resolve is shared by the types that write one file; verb starts the codes of its refusals.
func resolve(machine step.Machine, verb string, path value.Path, mode, owner string, content []byte) (want wanted, info fs.FileInfo, err error) {
	want = wanted{content: content, mode: 0o644, uid: os.Geteuid(), gid: os.Getegid()}
	if want.path, err = placement.Absolute(path); err != nil {
		return want, nil, err
	}
	if info, err = placement.Destination(machine, verb, want.path); err != nil {
		return want, nil, err
	}
	if info != nil {
		if !info.Mode().IsRegular() {
			return want, nil, fault.New(fault.Refused, verb+"-not-a-file", "%s is not a regular file", want.path).
				WithHint("name the file that a symbolic link points to, or remove what is there in a step before")
		}
		want.mode = info.Mode() & placement.ModeBits
		want.uid, want.gid = placement.OwnerOf(info)
	}
	if mode != "" {
		if want.mode, err = placement.ParseMode(mode); err != nil {
			return want, nil, err
		}
	}
	if owner != "" {
		if want.uid, want.gid, err = placement.ParseOwner(owner); err != nil {
			return want, nil, err
		}
	}
	return want, info, nil
}

// satisfied reports whether the file is as wanted already.
func (w wanted) satisfied(machine step.Machine, info fs.FileInfo) bool {
	if info == nil || info.Mode()&placement.ModeBits != w.mode {
		return false
	}
	if uid, gid := placement.OwnerOf(info); uid != w.uid || gid != w.gid {
		return false
	}
	return holdsContent(machine, w.path, info, w.content)
}

func (write) Plan(_ context.Context, machine step.Machine, arguments writeArguments) (step.Plan, error) {
	want, info, err := arguments.resolve(machine)
	if err != nil {
		return step.Plan{}, err
	}
	return want.plan(machine, info), nil
}

// plan tells what the file will be.
func (w wanted) plan(machine step.Machine, info fs.FileInfo) step.Plan {
	if w.satisfied(machine, info) {
		return step.Plan{Do: []string{w.path + " is as wanted"}, Nothing: true}
	}
	plan := step.Plan{Space: map[string]int64{filepath.Dir(w.path): int64(len(w.content))}, Writes: int64(len(w.content))}
	plan.Do = []string{fmt.Sprintf("write %s: %d bytes, mode %04o", w.path, len(w.content), w.mode.Perm())}
	plan.Undo = []string{"put the old " + w.path + " back"}
	if info == nil {
		plan.Undo = []string{"remove " + w.path}
	}
	return plan
}

func (write) Prepare(_ context.Context, run *step.Run, arguments writeArguments) (writeMemo, error) {
	machine := placement.Looking(run)
	want, info, err := arguments.resolve(machine)
	if err != nil || want.satisfied(machine, info) {
		return writeMemo{}, err
	}
	placed, err := placement.New(want.path, run, info)
	return writeMemo{placed}, err
}

func (write) Do(ctx context.Context, run *step.Run, arguments writeArguments, memo writeMemo) (writeOutputs, error) {
	if err := ctx.Err(); err != nil || memo.New == "" {
		return writeOutputs{}, err
	}
	want, _, err := arguments.resolve(placement.Looking(run))
	if err != nil {
		return writeOutputs{}, err
	}
	if err := memo.Write(run, want.content, want.mode, want.uid, want.gid); err != nil {
		return writeOutputs{}, err
	}
	return writeOutputs{Changed: true}, memo.Put(ctx, run, true)
}

func (write) Undo(ctx context.Context, run *step.Run, arguments writeArguments, memo writeMemo) error {
	return memo.Undo(ctx, run, "write", func(now fs.FileInfo) bool {
		return holdsContent(placement.Looking(run), memo.Path, now, []byte(arguments.Content))
	})
}

// holdsContent reports whether the file holds what was to be written: on file systems whose inode numbers do
// not outlive a mount (vfat), that is how it is known again.
func holdsContent(machine step.Machine, path string, info fs.FileInfo, content []byte) bool {
	if !info.Mode().IsRegular() || info.Size() != int64(len(content)) {
		return false
	}
	found, err := machine.ReadFile(path)
	return err == nil && bytes.Equal(found, content)
}
