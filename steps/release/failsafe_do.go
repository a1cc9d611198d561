package release

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Do makes a link "failsafe" with the text "failsafe", which leads nowhere yet, and lets it and the directory
// change places: then the directory has that name, and the link, under the directory's, leads to it. What is
// at the two names tells at every moment how far this came:
//
//	directory      nothing    not begun, or undone
//	directory      link       begun
//	nothing     directory     in the middle, where names cannot be exchanged
//	link        directory     done
func (failsafe) Do(ctx context.Context, run *step.Run, arguments failsafeArguments, memo failsafeMemo) (failsafeOutputs, error) {
	if err := ctx.Err(); err != nil {
		return failsafeOutputs{}, err
	}
	if memo.Link == "" {
		_, path, err := adoptable(run.Machine, arguments)
		return failsafeOutputs{Path: value.Path(path)}, err
	}
	outputs := failsafeOutputs{Path: value.Path(memo.Failsafe), Adopted: true}
	at, err := memo.open(run)
	if err != nil {
		return outputs, err
	}
	defer at.Close()
	if how, err := at.state(); err != nil || how == adopted {
		return outputs, err
	} else if how != unbegun {
		return outputs, memo.changed()
	}
	if err := at.Symlink(failsafeName, at.failsafe); err != nil {
		return outputs, durable.Explain(err, "cannot make the link %s", memo.Failsafe)
	}
	if err := ctx.Err(); err != nil {
		return outputs, err
	}
	err = at.swap(adopted)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		err = at.adoptInTwo()
	}
	if errors.Is(err, syscall.EBUSY) {
		return outputs, mounted(memo.Link).WithCause(err)
	}
	return outputs, err
}

// adoption is the open directory that holds the directory and the failsafe.
type adoption struct {
	*openat.Dir
	memo           failsafeMemo
	link, failsafe string
}

func (m failsafeMemo) open(run *step.Run) (adoption, error) {
	dir, name, err := run.Dir(m.Link)
	return adoption{dir, m, name, filepath.Base(m.Failsafe)}, durable.Explain(err, "cannot look at %s", m.Link)
}

// swap lets the two names change places in one moment, durably. If that does not lead to the state that is
// wanted, because somebody changed what was at the names, they change places again.
func (a adoption) swap(wanted progress) error {
	if err := a.Exchange(a.link, a.Dir, a.failsafe); err != nil {
		return durable.Explain(err, "cannot exchange %s and %s", a.memo.Link, a.memo.Failsafe)
	}
	if how, err := a.state(); err != nil || how != wanted {
		return errors.Join(a.memo.changed(), err, a.Exchange(a.link, a.Dir, a.failsafe))
	}
	return durable.Explain(a.Sync(), "cannot sync %s", a.Path())
}

// adoptInTwo is for file systems that cannot exchange two names.
func (a adoption) adoptInTwo() error {
	if err := a.remove(a.failsafe); err != nil {
		return err
	}
	if err := a.rename(a.link, a.failsafe); err != nil {
		return err
	}
	if err := a.Symlink(failsafeName, a.link); err != nil {
		return durable.Explain(err, "cannot make the link %s", a.memo.Link)
	}
	return durable.Explain(a.Sync(), "cannot sync %s", a.Path())
}

func (a adoption) remove(name string) error {
	err := a.Remove(name)
	if err == nil {
		err = a.Sync()
	}
	return durable.Explain(err, "cannot remove %s", a.Join(name))
}

func (a adoption) rename(name, other string) error {
	err := a.RenameNoReplace(name, a.Dir, other)
	if err == nil {
		err = a.Sync()
	}
	return durable.Explain(err, "cannot rename %s to %s", a.Join(name), a.Join(other))
}

// Undo goes the same way back.
func (failsafe) Undo(_ context.Context, run *step.Run, _ failsafeArguments, memo failsafeMemo) error {
	if memo.Link == "" {
		return nil
	}
	at, err := memo.open(run)
	if err != nil {
		return err
	}
	defer at.Close()
	how, err := at.state()
	if err != nil {
		return err
	}
	switch how {
	case unbegun:
		return nil
	case begun:
		return at.remove(at.failsafe)
	case between:
		return at.rename(at.failsafe, at.link)
	case adopted:
		err := at.swap(begun)
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
			if err := at.remove(at.link); err != nil {
				return err
			}
			return at.rename(at.failsafe, at.link)
		}
		if err != nil {
			return err
		}
		return at.remove(at.failsafe)
	}
	return memo.changed()
}

// Inspect refuses a rollback where the link leads elsewhere by now, or the directory is not the failsafe any
// more.
func (failsafe) Inspect(_ context.Context, run *step.Run, _ failsafeArguments, memo failsafeMemo) error {
	if memo.Link == "" {
		return nil
	}
	at, err := memo.open(run)
	if err != nil {
		return err
	}
	defer at.Close()
	if how, err := at.state(); err != nil || how == adopted {
		return err
	}
	return memo.changed()
}

// Sync has nothing to do but make the first link durable, which an undo could do without: every other change
// above is durable when it returns.
func (failsafe) Sync(context.Context, *step.Run, failsafeArguments, failsafeMemo) error { return nil }

// progress is how far an adoption came.
type progress int

const (
	elsewhere progress = iota // another program changed something
	unbegun
	begun
	between
	adopted
)

// state looks how far it came.
func (a adoption) state() (progress, error) {
	now, err := a.is(a.link)
	if err != nil {
		return elsewhere, err
	}
	golden, err := a.is(a.failsafe)
	if err != nil {
		return elsewhere, err
	}
	return map[[2]presence]progress{
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
	// itself is the directory that is adopted, and ours a link with the text that Do gives it.
	itself
	ours
)

func (a adoption) is(name string) (presence, error) {
	status, err := lookIn(a.Dir, name)
	switch {
	case err != nil:
		return foreign, err
	case status == nil:
		return absent, nil
	case status.Mode&unix.S_IFMT == unix.S_IFDIR && status.Ino == a.memo.Inode:
		return itself, nil
	}
	if text, err := a.Readlink(name); err == nil && text == failsafeName {
		return ours, nil
	}
	return foreign, nil
}

func (m failsafeMemo) changed() error {
	return fault.New(fault.Failed, "failsafe-changed", "%s and %s are neither as they were nor as they were to be: another program changed them", m.Link, m.Failsafe).
		WithHint("see what is there, and put it right by hand: ls -l %s", filepath.Dir(m.Link))
}

// lookAt tells what is at a path; nil where nothing is.
func lookAt(machine step.Machine, path string) (fs.FileInfo, error) {
	info, err := machine.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, durable.Explain(err, "cannot look at %s", path)
}

// lookIn tells what has a name in an open directory; nil where nothing has it.
func lookIn(dir *openat.Dir, name string) (*unix.Stat_t, error) {
	status, err := dir.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &status, durable.Explain(err, "cannot look at %s", dir.Join(name))
}
