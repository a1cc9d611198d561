package file

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/duplicate"
	"github.com/gwe-project/gwe/steps/placement"
)

// Mkdir is the step type mkdir.
func Mkdir() step.Type {
	return step.New(step.About{
		Name:    "mkdir",
		Summary: "Make a directory, with the directories above it where asked",
		Doc: `A directory that is there already, also by a symbolic link, is left alone, but for the mode and the owner that are given. With
parents: true the missing directories above it are made too, with mode 0755 and the owner that gwe runs as (the group of a setgid
directory goes down to them). The mode is exactly the one
given, whatever the umask.

Refused is a path where something else than a directory is.

Undo removes the directories that were made, or gives an old one its mode and owner back. Before the commit all that is in them goes
too; a directory on which something is mounted since is not removed, and the undo fails. After the commit (gwe rollback) only
directories that are empty by then go: what came into the others stays, and they with it.`,
		Example:  "mkdir: { path: /var/lib/firmware/data, parents: true, mode: \"0750\", owner: \"firmware:firmware\" }\n",
		Fresh:    true,
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "path"}},
		Undo:     "removes what was made, or gives an old directory its mode and owner back",
		UndoData: placement.UndoData,
		Scalar:   "path",

		MakesDirectory: true,
	}, mkdir{})
}

type mkdir struct{}

// mkdirArguments are what a recipe gives.
type mkdirArguments struct {
	Path    value.Path `name:"path" required:"true" help:"the directory"`
	Parents bool       `name:"parents" default:"false" help:"whether missing directories above it are made too"`
	Mode    string     `name:"mode" pattern:"[0-7]{3,4}|[ugoa]*[-+=][rwxXst]*(,[ugoa]*[-+=][rwxXst]*)*" help:"octal digits in quotes, or clauses as chmod has them; where it is left out, 0755 for a new directory"`
	Owner   string     `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number; where it is left out, the one gwe runs as for a new directory"`
}

// mkdirMemo is what the undo needs: of the topmost directory that is made, or of an old one that changes.
type mkdirMemo struct {
	placement.Placement
	Found *permissions `json:"found,omitempty"`
}

// wantedDirectory is what is to be there.
type wantedDirectory struct {
	path string
	// top is the topmost directory to make, "" where the path is there; below are the names from there down.
	top   string
	below string
	found fs.FileInfo
	overrides
}

func (a mkdirArguments) resolve(machine step.Machine) (want wantedDirectory, err error) {
	if want.path, err = placement.Absolute(a.Path); err != nil {
		return want, err
	}
	if want.overrides, err = overridden(a.Mode, a.Owner); err != nil {
		return want, err
	}
	for at := want.path; ; at = filepath.Dir(at) {
		info, err := placement.Lstat(machine, at)
		if err != nil {
			return want, err
		}
		if info != nil && info.Mode()&fs.ModeSymlink != 0 {
			// A link to nothing is in the way as a file is.
			if target, err := machine.Stat(at); err == nil {
				info = target
			}
		}
		switch {
		case info != nil && !info.IsDir():
			return want, fault.New(fault.Refused, "mkdir-not-a-directory", "%s is there, and is not a directory", at).
				WithHint("move or remove it in a step before, if it may go")
		case info != nil && at == want.path:
			want.found = info
			return want, nil
		case info != nil:
			want.below = strings.TrimPrefix(strings.TrimPrefix(want.path, want.top), "/")
			return want, nil
		case at != want.path && !a.Parents:
			return want, fault.New(fault.Failed, "mkdir-no-directory", "there is no directory %s to make it in", at).
				WithHint("write parents: true to have the directories above it made too")
		}
		want.top = at
	}
}

// after gives the permissions that a directory is to have which has those.
func (w wantedDirectory) after(before permissions) permissions {
	after := before
	if w.mode != nil {
		after.Mode = w.mode.apply(before.Mode, true)
	}
	if w.uid >= 0 {
		after.UID, after.GID = w.uid, w.gid
	}
	return after
}

func (mkdir) Plan(_ context.Context, machine step.Machine, arguments mkdirArguments) (step.Plan, error) {
	want, err := arguments.resolve(machine)
	if err != nil {
		return step.Plan{}, err
	}
	if want.found != nil {
		before := permissionsOf(want.found)
		after := want.after(before)
		if before == after {
			return step.Plan{Do: []string{want.path + " is as wanted"}, Nothing: true}, nil
		}
		return step.Plan{
			Do:   []string{fmt.Sprintf("give %s %s (now %s)", want.path, after, before)},
			Undo: []string{fmt.Sprintf("give %s %s back", want.path, before)},
		}, nil
	}
	return step.Plan{
		Do:   []string{fmt.Sprintf("make the directory %s, %s", want.path, want.after(freshPermissions()))},
		Undo: []string{"remove " + want.top},
	}, nil
}

func (mkdir) Prepare(_ context.Context, run *step.Run, arguments mkdirArguments) (mkdirMemo, error) {
	want, err := arguments.resolve(placement.Looking(run))
	if err != nil {
		return mkdirMemo{}, err
	}
	if want.found == nil {
		placed, err := placement.New(want.top, run, nil)
		return mkdirMemo{Placement: placed.Among(run)}, err
	}
	before, err := permissionsIn(run, want.path)
	if err != nil {
		return mkdirMemo{}, err
	}
	if want.after(before) == before {
		return mkdirMemo{}, nil
	}
	return mkdirMemo{Placement: placement.Placement{Path: want.path}, Found: &before}, nil
}

func (mkdir) Do(ctx context.Context, run *step.Run, arguments mkdirArguments, memo mkdirMemo) (changed, error) {
	if err := ctx.Err(); err != nil || memo.Path == "" {
		return changed{}, err
	}
	want, err := arguments.resolve(placement.Looking(run))
	if err != nil {
		return changed{}, err
	}
	if memo.Found != nil {
		if want.found == nil {
			return changed{}, fault.New(fault.Failed, "mkdir-gone", "%s is gone", want.path).WithHint("see what else removes it")
		}
		return changed{Changed: true}, giveIn(run, want.path, want.after(*memo.Found))
	}
	if want.top != memo.Path {
		return changed{}, fault.New(fault.Failed, "already-exists", "%s was made by another program meanwhile", cmp.Or(want.top, want.path)).
			WithHint("run again")
	}
	if err := want.make(run, memo.New); err != nil {
		return changed{}, err
	}
	return changed{Changed: true}, memo.Put(ctx, run, false)
}

// make makes the directories under the hidden name of the topmost one.
func (w wantedDirectory) make(run *step.Run, hidden string) error {
	at, name, err := run.Dir(hidden)
	if err != nil {
		return durable.Explain(err, "cannot make the directory %s", w.path)
	}
	names := []string{name}
	if w.below != "" {
		names = append(names, strings.Split(w.below, "/")...)
	}
	for i, name := range names {
		below, err := w.one(at, name, i == len(names)-1)
		at.Close()
		if err != nil {
			return durable.Explain(err, "cannot make the directory %s", w.path)
		}
		at = below
	}
	at.Close()
	return nil
}

// one makes one directory, and opens it.
func (w wantedDirectory) one(at *openat.Dir, name string, last bool) (*openat.Dir, error) {
	if err := at.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	made, err := at.Sub(name)
	if err != nil {
		return nil, err
	}
	if err := w.fitFresh(made, last); err != nil {
		made.Close()
		return nil, err
	}
	return made, nil
}

// fitFresh is fit for a directory that must be the one that was made just now.
func (w wantedDirectory) fitFresh(made *openat.Dir, last bool) error {
	if err := duplicate.Fresh(made.Descriptor(), made.Path()); err != nil {
		return err
	}
	self, err := made.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	return w.fit(self, last)
}

// fit gives a directory that was made its mode and owner. The group of a setgid directory goes down to what
// is made in it.
func (w wantedDirectory) fit(made *openat.Entry, last bool) error {
	status, err := made.Stat()
	if err != nil {
		return err
	}
	wanted := permissionsIs(status)
	wanted.Mode = 0o755 | wanted.Mode&0o2000
	if last {
		wanted = w.after(wanted)
	}
	return wanted.give(made)
}

func (mkdir) Undo(ctx context.Context, run *step.Run, _ mkdirArguments, memo mkdirMemo) error {
	if memo.Found == nil && run.AfterCommit {
		return memo.sweep(ctx, run)
	}
	if memo.Found == nil {
		return memo.Undo(ctx, run, "mkdir", nil)
	}
	now, err := permissionsIn(run, memo.Path)
	if err != nil || now == *memo.Found {
		return err
	}
	return giveIn(run, memo.Path, *memo.Found)
}

// sweep removes the directories that were made and are empty by now. What came into them since stays, and
// they with it.
func (m mkdirMemo) sweep(ctx context.Context, run *step.Run) error {
	if m.New == "" {
		return nil
	}
	if ours, err := m.isOurs(run); err != nil || !ours {
		if err != nil {
			return err
		}
		return m.Order.Undo()
	}
	left, err := made.Sweep(ctx, run, m.Path)
	if err != nil || left {
		return err
	}
	if err := m.Order.Undo(); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// isOurs reports whether what is at the path is the directory that was made.
func (m mkdirMemo) isOurs(run *step.Run) (bool, error) {
	here, err := placement.At(run, m.Path)
	if err != nil {
		return false, err
	}
	defer here.Close()
	return placement.IsNoted(run.Directory, here)
}

// Keeps foresees what would stay.
func (mkdir) Keeps(ctx context.Context, run *step.Run, _ mkdirArguments, memo mkdirMemo) (step.Keeping, error) {
	if memo.Found != nil || memo.New == "" {
		return step.Keeping{}, nil
	}
	if ours, err := memo.isOurs(run); err != nil || !ours {
		return step.Keeping{}, err
	}
	return made.Keeps(ctx, run, memo.Path, false)
}

// Sync is for a directory that has got another mode or owner: a new one was made durable with its name.
func (mkdir) Sync(_ context.Context, run *step.Run, _ mkdirArguments, memo mkdirMemo) error {
	if memo.Found == nil {
		return nil
	}
	dir, err := inside(run, memo.Path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return durable.SyncFileSystemsAt([]*openat.Dir{dir})
}

// inside opens a directory, which may be reached by a link at its path: the step notes which one it is, as
// that of what lies in it.
func inside(run *step.Run, path string) (*openat.Dir, error) {
	dir, _, err := run.Dir(filepath.Join(path, durable.Prefix))
	return dir, durable.Explain(err, "cannot open the directory %s", path)
}

// permissionsIn are those of a directory.
func permissionsIn(run *step.Run, path string) (permissions, error) {
	dir, err := inside(run, path)
	if err != nil {
		return permissions{}, err
	}
	defer dir.Close()
	self, err := dir.Self()
	if err != nil {
		return permissions{}, err
	}
	defer self.Close()
	status, err := self.Stat()
	return permissionsIs(status), err
}

// giveIn gives a directory its mode and owner.
func giveIn(run *step.Run, path string, wanted permissions) error {
	dir, err := inside(run, path)
	if err != nil {
		return err
	}
	defer dir.Close()
	self, err := dir.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	return wanted.give(self)
}

// permissions are what chmod and chown change.
type permissions struct {
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
}

func (p permissions) String() string {
	return fmt.Sprintf("mode %04o, owner %d:%d", p.Mode, p.UID, p.GID)
}

func freshPermissions() permissions { return permissions{0o755, os.Geteuid(), os.Getegid()} }

func permissionsOf(info fs.FileInfo) permissions {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return permissions{}
	}
	return permissions{status.Mode & 0o7777, int(status.Uid), int(status.Gid)}
}

func permissionsIs(status unix.Stat_t) permissions {
	return permissions{status.Mode & 0o7777, int(status.Uid), int(status.Gid)}
}

// give sets the owner and then the mode, for a change of owner takes setuid away. Of a link only the owner is
// set.
func (p permissions) give(entry *openat.Entry) error {
	status, err := entry.Stat()
	if err != nil {
		return placement.Unwritable(entry.Path(), err)
	}
	now := permissionsIs(status)
	owned := now.UID == p.UID && now.GID == p.GID
	if !owned {
		if err := entry.Chown(p.UID, p.GID); err != nil {
			return durable.Explain(err, "cannot change the owner of %s", entry.Path())
		}
	}
	if status.Mode&unix.S_IFMT == unix.S_IFLNK || owned && now.Mode == p.Mode {
		return nil
	}
	return durable.Explain(entry.Chmod(p.Mode), "cannot change the mode of %s", entry.Path())
}
