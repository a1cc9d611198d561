package transfer

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
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
)

// mover carries the changes of a manifest out, or restores them.
type mover struct {
	*site
	// target and hidden are open for reading, and none where they are not there.
	target, hidden int
	// kept is hidden for renames out of it; nil where it is not there.
	kept *openat.Dir
	// parent is the directory at way, kept open: neighbours come one after the other.
	way    string
	parent int
	// volatile is set where inode numbers do not stay; list is what the step made then, and root the group of
	// it that was asked for last.
	volatile bool
	list     *made.List
	group    string
	root     func(*unix.Stat_t) bool
	// split counts files that lost their other names when they moved; firstSplit is one of them.
	split      int
	firstSplit string
}

func newMover(s *site) (m *mover, err error) {
	m = &mover{site: s, target: none, hidden: none, parent: none, volatile: s.above.Volatile()}
	if s.target != nil {
		m.target, err = openDirectory(s.target.Descriptor(), ".")
	}
	if err == nil {
		m.kept, err = s.openHidden()
	}
	if err == nil && m.kept != nil {
		m.hidden, err = openDirectory(m.kept.Descriptor(), ".")
	}
	if err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// close leaves the site open.
func (m *mover) close() {
	m.kept.Close()
	closeAll(m.target, m.hidden, m.parent)
	if m.list != nil {
		m.list.Close()
	}
}

// place gives the directory of a path in the target, and the name in it; fs.ErrNotExist where there is no
// such directory.
func (m *mover) place(way string) (directory int, name string, err error) {
	if way == "" {
		return m.above.Descriptor(), m.base, nil
	}
	parent, name := cutLast(way)
	if m.parent != none && m.way == parent {
		return m.parent, name, nil
	}
	closeAll(m.parent)
	m.way, m.parent = parent, none
	if m.target == none {
		return none, "", fs.ErrNotExist
	}
	m.parent, err = openWay(m.target, parent)
	return m.parent, name, err
}

// look gives the status of a path in the target, through no link; nil where nothing is.
func (m *mover) look(way string) (*unix.Stat_t, error) {
	directory, name, err := m.place(way)
	if err != nil {
		return nil, err
	}
	return statAt(directory, name)
}

// forward carries one change out.
func (m *mover) forward(one change) error {
	directory, name, err := m.place(one.way)
	if err != nil {
		return explain(err, "cannot open the directory of %q in the target", one.way)
	}
	var before *unix.Stat_t
	if m.volatile && (one.verb == swap || one.verb == remove) {
		if before, err = statAt(directory, name); err == nil && (before == nil || before.Ino != one.old) {
			err = changedMeanwhile(one)
		}
		if err != nil {
			return explain(err, "cannot look at %q in the target", one.way)
		}
	}
	switch one.verb {
	case add:
		err = rename(m.hidden, one.staged, directory, name, unix.RENAME_NOREPLACE)
	case swap:
		err = rename(m.hidden, one.staged, directory, name, unix.RENAME_EXCHANGE)
	case remove:
		err = rename(directory, name, m.hidden, one.staged, unix.RENAME_NOREPLACE)
	case dress:
		return explain(m.dress(one.way, one.after), "cannot set the attributes of %q in the target", one.way)
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		return fault.New(fault.Failed, "rsync-no-exchange", "the target's file system cannot exchange two names in one go").
			WithHint("it is one over the network, or an old one: let the step fill a new directory there, and swap a link to it").WithCause(err)
	}
	if err != nil || one.verb == add {
		return explain(err, "cannot change %q in the target", one.way)
	}
	return m.seeOld(one, before, directory, name)
}

func changedMeanwhile(one change) *fault.Fault {
	return fault.New(fault.Failed, "rsync-target-changed", "%q in the target was replaced while the step ran", one.way).
		WithHint("stop what writes there, and run again")
}

// seeOld makes sure that what was moved away is what the survey saw, and restores it at once where it is
// not.
//
// Where inode numbers do not stay, before is what was there just before. On an overlayfs a file of a lower
// layer with several names gets another number, and loses the other names, when it is moved.
func (m *mover) seeOld(one change, before *unix.Stat_t, directory int, name string) error {
	moved, err := statAt(m.hidden, one.staged)
	if err != nil || moved != nil && moved.Ino == one.old {
		return err
	}
	if moved != nil && before != nil && kindOf(moved) == kindOf(before) && moved.Size == before.Size && moved.Mtim == before.Mtim {
		if before.Nlink > 1 && moved.Nlink == 1 {
			if m.split++; m.split == 1 {
				m.firstSplit = one.way
			}
		}
		return nil
	}
	flags := uint(unix.RENAME_NOREPLACE)
	if one.verb == swap {
		flags = unix.RENAME_EXCHANGE
	}
	found := changedMeanwhile(one)
	if err := rename(m.hidden, one.staged, directory, name, flags); err != nil {
		return found.WithCause(err)
	}
	return found
}

func rename(from int, name string, to int, newName string, flags uint) error {
	if err := durable.Repeat(func() error { return unix.Renameat2(from, name, to, newName, flags) }); err != nil {
		return &os.LinkError{Op: "rename", Old: name, New: newName, Err: err}
	}
	return nil
}

// dress gives a directory of the target attributes. A directory that somebody has removed meanwhile is none
// of ours.
func (m *mover) dress(way string, wanted attributes) error {
	directory := m.target
	if way != "" {
		parent, name, err := m.place(way)
		if err != nil {
			return err
		}
		if directory, err = openDirectory(parent, name); err != nil {
			return err
		}
		defer closeAll(directory)
	}
	if directory == none {
		return fs.ErrNotExist
	}
	var status unix.Stat_t
	if err := unix.Fstat(directory, &status); err != nil {
		return err
	}
	now, err := attributesAt(directory, ".", &status)
	if err != nil || now.equal(wanted, unix.S_IFDIR) {
		return err // of an immutable directory nothing can be set, not even what it has
	}
	return wanted.give(directory, ".", unix.S_IFDIR, now.extended)
}

// isFresh reports whether what is somewhere is the new entry of a change. Where inode numbers do not stay,
// the list of what the step made tells.
func (m *mover) isFresh(ctx context.Context, one change, there *unix.Stat_t) (is bool, err error) {
	if there.Ino == one.fresh || !m.volatile || !one.makes() {
		return there.Ino == one.fresh, nil
	}
	if m.list == nil {
		m.list = made.Open(m.run)
	}
	if group := one.groupOf(); m.root == nil || m.group != group {
		m.group = group
		if m.root, err = m.list.Root(ctx, group); err != nil {
			return false, err
		}
	}
	return m.root(there), nil
}

// resembles reports the same by the list alone, and by the digest of a small file.
func (m *mover) resembles(ctx context.Context, one change, there *unix.Stat_t, directory int, name string) (bool, error) {
	is, err := m.isFresh(ctx, one, there)
	if err != nil || !is || !isRegular(there) || m.list == nil {
		return is, err
	}
	same, recorded := m.list.Same(one.groupOf(), directory, name)
	return same || !recorded, nil
}

// keeps reports whether the staged entry of a swap or a removal is the old one. Where inode numbers do not
// stay, as of a file of a lower layer that was moved, it is the old one if it is not the new one.
func (m *mover) keeps(ctx context.Context, one change, staged, there *unix.Stat_t, directory int, name string) (bool, error) {
	switch {
	case !m.volatile:
		return staged.Ino == one.old, nil
	case one.verb == remove: // nothing else ever gets there
		return true, nil
	case staged.Ino == one.fresh:
		return false, nil
	case there != nil && there.Ino == one.fresh, staged.Ino == one.old:
		return true, nil
	}
	fresh, err := m.resembles(ctx, one, staged, m.hidden, one.staged)
	if err != nil || !fresh || there == nil {
		return !fresh, err
	}
	other, err := m.resembles(ctx, one, there, directory, name)
	if err == nil && other {
		err = fault.New(fault.Failed, "rsync-unclear", "cannot tell the old %q from the new one: both have the same size, time and content", one.way).
			WithHint("compare %s with %s, and leave the right one in its place; then close the run with `gwe resolve`",
				filepath.Join(m.m.Hidden, one.staged), filepath.Join(m.m.Target, one.way))
	}
	return false, err
}

// stands reports whether what is in the target is the old entry of a change of which nothing is staged.
func (m *mover) stands(ctx context.Context, one change, there *unix.Stat_t, directory int, name string) (bool, error) {
	switch {
	case there.Ino == one.old || !m.volatile:
		return there.Ino == one.old, nil
	case one.verb == remove:
		return true, nil
	case there.Ino == one.fresh:
		return false, nil
	}
	fresh, err := m.resembles(ctx, one, there, directory, name)
	return err == nil && !fresh, err
}

// makesWay reports whether what is in the place of a change may be taken away for its undo: what the step put
// there, what programs of the run made of that, and after the commit anything, which is kept aside. foreign
// is what the step did not put there.
func (m *mover) makesWay(ctx context.Context, one change, there *unix.Stat_t) (foreign bool, err error) {
	fresh, err := m.isFresh(ctx, one, there)
	if err != nil || fresh || m.run.AfterCommit || m.run.Followed {
		return !fresh, err
	}
	path := filepath.Join(m.m.Target, one.way)
	return true, fault.New(fault.Failed, "rsync-changed", "%s is neither what was there nor what was put there", path).
		WithHint("see what else writes there, move it away, then run: gwe recover")
}

// back puts one change back, whether or not it was carried out, and whether or not it was restored already.
// It reports whether something that gwe did not put there had to make way.
func (m *mover) back(ctx context.Context, one change) (foreign bool, err error) {
	if one.verb == dress {
		return false, m.dress(one.way, one.before)
	}
	staged, err := statAt(m.hidden, one.staged)
	if err != nil {
		return false, err
	}
	directory, name, err := m.place(one.way)
	if err != nil {
		if one.verb == add && errors.Is(err, fs.ErrNotExist) {
			return false, nil // what it lay in is gone, and it with it
		}
		return false, err
	}
	there, err := statAt(directory, name)
	if err != nil {
		return false, err
	}
	if one.verb == add {
		if staged != nil || there == nil {
			return false, nil
		}
		if foreign, err = m.makesWay(ctx, one, there); err != nil {
			return foreign, err
		}
		return foreign, rename(directory, name, m.hidden, one.staged, unix.RENAME_NOREPLACE)
	}
	kept, still := false, false
	if staged != nil {
		kept, err = m.keeps(ctx, one, staged, there, directory, name)
	} else if there != nil {
		still, err = m.stands(ctx, one, there, directory, name)
	}
	switch {
	case err != nil:
		return false, err
	case staged != nil && !kept:
		return false, nil // a swap that was not done, or anything that was restored
	case still:
		return false, nil
	case staged == nil:
		return false, fault.New(fault.Failed, "rsync-kept-gone", "what was at %q in the target was kept, but is gone", one.way).
			WithHint("restore by hand what belongs there")
	case there == nil:
		return false, rename(m.hidden, one.staged, directory, name, unix.RENAME_NOREPLACE)
	}
	if foreign, err = m.makesWay(ctx, one, there); err != nil {
		return foreign, err
	}
	return foreign, rename(m.hidden, one.staged, directory, name, unix.RENAME_EXCHANGE)
}
