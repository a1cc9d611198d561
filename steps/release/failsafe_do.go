package release

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Do makes a link "failsafe" with the text "failsafe", which leads nowhere yet, and lets it and the folder change places:
// then the folder has that name, and the link, under the folder's, leads to it. What is at the two names tells at every
// moment how far this came:
//
//	folder      nothing    not begun, or undone
//	folder      link       begun
//	nothing     folder     in the middle, where names cannot be exchanged
//	link        folder     done
func (failsafe) Do(ctx context.Context, run *step.Run, arguments failsafeArguments, memo failsafeMemo) (failsafeOutputs, error) {
	if err := ctx.Err(); err != nil {
		return failsafeOutputs{}, err
	}
	if memo.Link == "" {
		_, path, err := adoptable(run.Machine, arguments)
		return failsafeOutputs{Path: value.Path(path)}, err
	}
	outputs := failsafeOutputs{Path: value.Path(memo.Failsafe), Adopted: true}
	if at, err := memo.at(run.Machine); err != nil || at == adopted {
		return outputs, err
	} else if at != unbegun {
		return outputs, memo.changed()
	}
	if err := os.Symlink(failsafeName, memo.Failsafe); err != nil {
		return outputs, durable.Explain(err, "cannot make the link %s", memo.Failsafe)
	}
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	err := exchange(memo.Link, memo.Failsafe)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		err = adoptInTwo(memo)
	}
	if errors.Is(err, syscall.EBUSY) {
		return outputs, mounted(memo.Link).WithCause(err)
	}
	return outputs, err
}

// adoptInTwo is for file systems that cannot exchange two names.
func adoptInTwo(memo failsafeMemo) error {
	if err := remove(memo.Failsafe); err != nil {
		return err
	}
	if err := durable.RenameNoReplace(memo.Link, memo.Failsafe); err != nil {
		return err
	}
	if err := os.Symlink(failsafeName, memo.Link); err != nil {
		return durable.Explain(err, "cannot make the link %s", memo.Link)
	}
	return durable.SyncFolder(filepath.Dir(memo.Link))
}

// Undo goes the same way back.
func (failsafe) Undo(_ context.Context, run *step.Run, _ failsafeArguments, memo failsafeMemo) error {
	if memo.Link == "" {
		return nil
	}
	at, err := memo.at(run.Machine)
	if err != nil {
		return err
	}
	switch at {
	case unbegun:
		return nil
	case begun:
		return remove(memo.Failsafe)
	case between:
		return durable.RenameNoReplace(memo.Failsafe, memo.Link)
	case adopted:
		err := exchange(memo.Link, memo.Failsafe)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
			if err := remove(memo.Link); err != nil {
				return err
			}
			return durable.RenameNoReplace(memo.Failsafe, memo.Link)
		}
		if err != nil {
			return err
		}
		return remove(memo.Failsafe)
	}
	return memo.changed()
}

// Inspect refuses a rollback where the link leads elsewhere by now, or the folder is not the failsafe any more.
func (failsafe) Inspect(_ context.Context, run *step.Run, _ failsafeArguments, memo failsafeMemo) error {
	if memo.Link == "" {
		return nil
	}
	if at, err := memo.at(run.Machine); err != nil || at == adopted {
		return err
	}
	return memo.changed()
}

// Sync has nothing to do but make the first link durable, which an undo could do without: every other change above is
// durable when it returns.
func (failsafe) Sync(context.Context, *step.Run, failsafeArguments, failsafeMemo) error { return nil }

// adoption is how far an adoption came.
type adoption int

const (
	elsewhere adoption = iota // somebody else changed something
	unbegun
	begun
	between
	adopted
)

// at looks how far it came.
func (m failsafeMemo) at(machine step.Machine) (adoption, error) {
	now, err := m.is(machine, m.Link)
	if err != nil {
		return elsewhere, err
	}
	golden, err := m.is(machine, m.Failsafe)
	if err != nil {
		return elsewhere, err
	}
	return map[[2]presence]adoption{
		{itself, absent}: unbegun,
		{itself, ours}:   begun,
		{absent, itself}: between,
		{ours, itself}:   adopted,
	}[[2]presence{now, golden}], nil
}

// presence is what is at a name.
type presence int

const (
	foreign presence = iota
	absent
	// itself is the folder that is adopted, and ours a link with the text that Do gives it.
	itself
	ours
)

func (m failsafeMemo) is(machine step.Machine, path string) (presence, error) {
	info, err := lookAt(machine, path)
	switch {
	case err != nil:
		return foreign, err
	case info == nil:
		return absent, nil
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok && info.IsDir() && status.Ino == m.Inode {
		return itself, nil
	}
	if text, err := machine.ReadLink(path); err == nil && text == failsafeName {
		return ours, nil
	}
	return foreign, nil
}

func (m failsafeMemo) changed() error {
	return fault.New(fault.Failed, "failsafe-changed", "%s and %s are neither as they were nor as they were to be: somebody else changed them", m.Link, m.Failsafe).
		WithHint("see what is there, and put it right by hand: ls -l %s", filepath.Dir(m.Link))
}

// exchange lets two names in one folder change places in one moment, and makes that durable.
func exchange(one, other string) error {
	err := durable.Repeat(func() error { return unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE) })
	if err != nil {
		return durable.Explain(&os.LinkError{Op: "exchange", Old: one, New: other, Err: err}, "cannot exchange %s and %s", one, other)
	}
	return durable.SyncFolder(filepath.Dir(one))
}

// lookAt tells what is at a path; nil where nothing is.
func lookAt(machine step.Machine, path string) (fs.FileInfo, error) {
	info, err := machine.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, durable.Explain(err, "cannot look at %s", path)
}
