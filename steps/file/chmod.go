package file

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Chmod is the step type chmod.
func Chmod() step.Type {
	return step.New(step.About{
		Name:    "chmod",
		Summary: "Change the mode or the owner of a file, or of all that is in a folder",
		Choices: []step.Choice{{Names: []string{"mode", "owner"}, Several: true}},
		Doc: `mode is octal digits or clauses, as chmod has them; with recursive: true, u=rwX,go=rX opens folders and programs and no other
file. owner is user:group. Of the symbolic links below the path only the owner is changed, and none is followed. As with chown, a
file whose owner changes loses its capabilities. Entries that are as wanted already are not touched.

Refused are a symbolic link at the path, neither mode nor owner, and a number without x for all of a tree: nobody could enter
its folders any more.

Undo gives every entry that was changed its own mode, owner and capabilities back. Entries that came, went or were replaced
since are left alone.`,
		Example: "chmod: { path: /var/lib/firmware, mode: \"u=rwX,g=rX,o=\", owner: \"firmware:firmware\", recursive: true }\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "path"}},
		Undo:    "gives each entry its own mode and owner back",
	}, chmod{})
}

type chmod struct{}

// chmodArguments are what a recipe gives.
type chmodArguments struct {
	Path      value.Path `name:"path" required:"true" help:"the file or folder"`
	Mode      string     `name:"mode" pattern:"[0-7]{3,4}|[ugoa]*[-+=][rwxXst]*(,[ugoa]*[-+=][rwxXst]*)*" help:"octal digits in quotes, or clauses as chmod has them: u=rwX,go=rX"`
	Owner     string     `name:"owner" pattern:"[^:]+:[^:]+" help:"user:group by name or number"`
	Recursive bool       `name:"recursive" default:"false" help:"whether all that is below the folder is meant too"`
}

// chmodMemo is what the undo needs; the entries themselves are in Run.Folder, one JSON object a line.
type chmodMemo struct {
	Path  string `json:"path"`
	Count int    `json:"count"`
}

// chmodOutputs are what later steps may read.
type chmodOutputs struct {
	Changed int `name:"changed" help:"how many entries were not as wanted already"`
}

// beforeName is the file in Run.Folder that lists the entries as they were. settledBefore is the same list as Verify found it: with the
// inodes of the files that programs of the run have put in their places.
const (
	beforeName    = "before"
	settledBefore = beforeName + step.Settled
)

// capability is the extended attribute that a change of owner takes away.
const capability = "security.capability"

// formerly is one entry that changes, as it was. Name is below the folder of the path; JSON carries it as base64, for it may hold any byte.
type formerly struct {
	Name  []byte `json:"name"`
	Inode uint64 `json:"inode"`
	// Device is for a gwe from before there were versions of undo data: it looks for the entry on that device.
	Device uint64 `json:"device,omitempty"`
	// Kind tells it where the number of the inode is Volatile. The device is no part of it: after a reboot it may have another number.
	Kind       uint32 `json:"kind,omitempty"`
	Volatile   bool   `json:"volatile,omitempty"`
	Capability []byte `json:"capability,omitempty"`
	permissions
}

// wantedPermissions is what is to be changed how.
type wantedPermissions struct {
	path string
	info fs.FileInfo
	overrides
}

func (a chmodArguments) resolve(machine step.Machine) (want wantedPermissions, err error) {
	if want.path, err = absolute(a.Path); err != nil {
		return want, err
	}
	if a.Mode == "" && a.Owner == "" {
		return want, fault.New(fault.Refused, "chmod-nothing", "chmod has neither mode nor owner").WithHint("give one of the two, or both")
	}
	if want.overrides, err = overridden(a.Mode, a.Owner); err != nil {
		return want, err
	}
	if want.info, err = lstat(machine, want.path); err != nil {
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
func (w wantedPermissions) after(before permissions, kind fs.FileMode) permissions {
	after := before
	if w.mode != nil && kind&fs.ModeSymlink == 0 {
		after.Mode = w.mode.apply(before.Mode, kind.IsDir())
	}
	if w.uid >= 0 {
		after.UID, after.GID = w.uid, w.gid
	}
	return after
}

// each visits the entries that are to change.
func (w wantedPermissions) each(ctx context.Context, machine step.Machine, recursive bool, visit func(formerly) error) (count int, err error) {
	base := filepath.Dir(w.path)
	changing := volatile(base)
	var look func(path string, info fs.FileInfo) error
	look = func(path string, info fs.FileInfo) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		count++
		before := permissionsOf(info)
		if w.after(before, info.Mode()) != before {
			name, err := filepath.Rel(base, path)
			if err != nil {
				return err
			}
			one := formerly{Name: []byte(name), permissions: before}
			if status, ok := info.Sys().(*syscall.Stat_t); ok {
				one.Device, one.Inode, one.Kind, one.Volatile = uint64(status.Dev), status.Ino, status.Mode&syscall.S_IFMT, changing
			}
			if err := visit(one); err != nil {
				return err
			}
		}
		if !recursive || !info.IsDir() {
			return nil
		}
		entries, err := machine.ReadDir(path)
		if err != nil {
			return durable.Explain(err, "cannot read the folder %s", path)
		}
		for _, entry := range entries {
			below := filepath.Join(path, entry.Name())
			info, err := lstat(machine, below)
			if err != nil {
				return err
			}
			if info == nil {
				continue // it went meanwhile
			}
			if err := look(below, info); err != nil {
				return err
			}
		}
		return nil
	}
	return count, look(w.path, w.info)
}

func (chmod) Plan(ctx context.Context, machine step.Machine, arguments chmodArguments) (step.Plan, error) {
	want, err := arguments.resolve(machine)
	if err != nil {
		return step.Plan{}, err
	}
	changing := 0
	count, err := want.each(ctx, machine, arguments.Recursive, func(formerly) error { changing++; return nil })
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
	want, err := arguments.resolve(run.Machine)
	if err != nil {
		return chmodMemo{}, err
	}
	memo := chmodMemo{Path: want.path}
	file, err := os.OpenFile(filepath.Join(run.Folder, beforeName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return memo, durable.Explain(err, "cannot write down how %s was", want.path)
	}
	defer file.Close()
	written := bufio.NewWriter(file)
	lines := json.NewEncoder(written)
	_, err = want.each(ctx, run.Machine, arguments.Recursive, func(one formerly) error {
		memo.Count++
		if want.uid >= 0 {
			// Where there is none, or none can be read, none can be lost.
			buffer := make([]byte, 64)
			if length, err := unix.Lgetxattr(filepath.Join(filepath.Dir(want.path), string(one.Name)), capability, buffer); err == nil {
				one.Capability = buffer[:length]
			}
		}
		return lines.Encode(one)
	})
	if err == nil {
		err = written.Flush()
	}
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
	err = memo.each(run, func(root *os.Root, one formerly) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := one.find(root, false)
		if err != nil || info == nil {
			return err
		}
		return give(root, string(one.Name), info, want.after(one.permissions, info.Mode()))
	})
	return chmodOutputs{Changed: memo.Count}, err
}

// Undo needs no context: it is a list, and goes on with the next entry where one fails.
func (chmod) Undo(_ context.Context, run *step.Run, _ chmodArguments, memo chmodMemo) error {
	if memo.Count == 0 {
		return nil
	}
	if _, err := os.Lstat(filepath.Dir(memo.Path)); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil // with the folder that they were in, all entries went
	}
	var failures []error
	err := memo.each(run, func(root *os.Root, one formerly) error {
		info, err := one.find(root, run.Followed && !run.AfterCommit)
		if err == nil && info != nil {
			err = one.giveBack(root, info)
		}
		if err != nil && len(failures) < 10 {
			failures = append(failures, err)
		}
		return nil
	})
	return errors.Join(append(failures, err)...)
}

// Verify refuses nothing. What programs of the run have put in the place of entries, as sed -i does, is known for a rollback from here on.
func (chmod) Verify(ctx context.Context, run *step.Run, _ chmodArguments, memo chmodMemo) error {
	if !run.Followed || run.AfterCommit || memo.Count == 0 {
		return nil
	}
	var lines bytes.Buffer
	encoder, replaced := json.NewEncoder(&lines), false
	err := memo.each(run, func(root *os.Root, one formerly) error {
		info, err := one.find(root, true)
		if err != nil {
			return err
		}
		if info != nil {
			if status, ok := info.Sys().(*syscall.Stat_t); ok && status.Ino != one.Inode {
				one.Inode, replaced = status.Ino, true
			}
		}
		return errors.Join(ctx.Err(), encoder.Encode(one))
	})
	if err != nil || !replaced {
		return err
	}
	return durable.WriteSealed(filepath.Join(run.Folder, settledBefore), lines.Bytes())
}

// each reads the list of entries. The root is the folder of the path, and no link leads out of it.
func (m chmodMemo) each(run *step.Run, visit func(root *os.Root, one formerly) error) error {
	root, err := os.OpenRoot(filepath.Dir(m.Path))
	if err != nil {
		return durable.Explain(err, "cannot open the folder of %s", m.Path)
	}
	defer root.Close()
	settled, err := durable.ReadSealed(filepath.Join(run.Folder, settledBefore))
	if err != nil {
		return err
	}
	var list io.Reader = bytes.NewReader(settled)
	if settled == nil {
		file, err := os.Open(filepath.Join(run.Folder, beforeName))
		if err != nil {
			return durable.Explain(err, "cannot read how %s was", m.Path)
		}
		defer file.Close()
		list = bufio.NewReader(file)
	}
	lines := json.NewDecoder(list)
	lines.DisallowUnknownFields()
	for count := 0; ; count++ {
		var one formerly
		if err := lines.Decode(&one); errors.Is(err, io.EOF) && count == m.Count {
			return nil
		} else if err != nil {
			return fault.New(fault.Errored, "chmod-list-unreadable", "the list of how %s was cannot be read after %d of %d entries", m.Path, count, m.Count).WithCause(err)
		}
		if err := visit(root, one); err != nil {
			return err
		}
	}
}

// find gives the entry where it is still the same file, or where replaced is true another one of its kind; nil where it is not.
func (f formerly) find(root *os.Root, replaced bool) (fs.FileInfo, error) {
	info, err := root.Lstat(string(f.Name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, durable.Explain(err, "cannot look at %s", f.Name)
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if ok && (status.Ino == f.Inode || (f.Volatile || replaced) && status.Mode&syscall.S_IFMT == f.Kind) {
		return info, nil
	}
	return nil, nil
}

func (f formerly) giveBack(root *os.Root, info fs.FileInfo) error {
	if err := give(root, string(f.Name), info, f.permissions); err != nil || f.Capability == nil {
		return err
	}
	file, err := root.OpenFile(string(f.Name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return durable.Explain(err, "cannot give %s its capabilities back", f.Name)
	}
	defer file.Close()
	return durable.Explain(unix.Fsetxattr(int(file.Fd()), capability, f.Capability, 0), "cannot give %s its capabilities back", f.Name)
}

// give sets the owner and then the mode, for a change of owner takes setuid away.
func give(root *os.Root, name string, info fs.FileInfo, wanted permissions) error {
	now := permissionsOf(info)
	owned := now.UID == wanted.UID && now.GID == wanted.GID
	if !owned {
		if err := root.Lchown(name, wanted.UID, wanted.GID); err != nil {
			return durable.Explain(err, "cannot change the owner of %s", name)
		}
	}
	if info.Mode()&fs.ModeSymlink != 0 || owned && now.Mode == wanted.Mode {
		return nil
	}
	return durable.Explain(root.Chmod(name, fileMode(wanted.Mode)), "cannot change the mode of %s", name)
}
