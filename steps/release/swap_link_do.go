package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

// Do makes the new link, and lets it change places with the old one. Where the file system cannot do that it
// is renamed over it.
func (swapLink) Do(ctx context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) (step.Nothing, error) {
	if err := ctx.Err(); err != nil {
		return step.Nothing{}, err
	}
	at, err := memo.open(run)
	if err != nil {
		return step.Nothing{}, err
	}
	defer at.Close()
	text, found, err := readLinkIn(at.Dir, at.link, "swap-link-not-a-link")
	switch {
	case err != nil:
		return step.Nothing{}, err
	case found && text == memo.Text:
		return step.Nothing{}, nil
	case found != memo.Found || text != memo.OldText:
		return step.Nothing{}, changed(memo, text, found)
	}
	memo.record(run)
	if err := at.make(memo, memo.Text); err != nil {
		return step.Nothing{}, err
	}
	if err := ctx.Err(); err != nil {
		return step.Nothing{}, err
	}
	if !memo.Found {
		err = at.RenameNoReplace(at.temporary, at.Dir, at.link)
		return step.Nothing{}, at.settled(err, "cannot give the link its name %s", memo.Link)
	}
	return step.Nothing{}, at.exchange(memo)
}

// linkPlace is the open directory that holds the link, and the two names in it.
type linkPlace struct {
	*openat.Dir
	link, temporary string
}

func (m swapLinkMemo) open(run *step.Run) (linkPlace, error) {
	dir, name, err := run.Dir(m.Link)
	return linkPlace{dir, name, filepath.Base(m.Temporary)}, durable.Explain(err, "cannot look at %s", m.Link)
}

// exchange gives the new link the place of the old one, which gets its hidden name: the very one that was
// looked at, or nothing is changed.
func (p linkPlace) exchange(memo swapLinkMemo) error {
	old, err := p.IdentityOf(p.link)
	if err == nil {
		err = p.Exchange(p.temporary, p.Dir, p.link)
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		err = p.Rename(p.temporary, p.Dir, p.link)
		return p.settled(err, "cannot replace %s", memo.Link)
	}
	if err != nil {
		return durable.Explain(err, "cannot replace %s", memo.Link)
	}
	if kept, err := p.IdentityOf(p.temporary); err != nil || !kept.Is(old) {
		back := p.Exchange(p.temporary, p.Dir, p.link)
		return errors.Join(changed(memo, "something else", true), back)
	}
	return p.settled(nil, "")
}

// settled makes a change durable.
func (p linkPlace) settled(err error, format string, arguments ...any) error {
	if err == nil {
		err, format, arguments = p.Sync(), "cannot sync %s", []any{p.Path()}
	}
	return durable.Explain(err, format, arguments...)
}

// Undo gives back the old link: the very one, which needs no space, or else one that is made like it.
func (swapLink) Undo(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	at, err := memo.open(run)
	if errors.Is(err, fs.ErrNotExist) && !memo.Found {
		return memo.stray(memo.Order.Undo()) // the link is gone with its directory
	}
	if err != nil {
		return err
	}
	defer at.Close()
	text, found, err := readLinkIn(at.Dir, at.link, "swap-link-not-a-link")
	switch {
	case err != nil:
		return err
	case found == memo.Found && text == memo.OldText:
	case found && text != memo.Text && !memo.ours(run, text):
		return changed(memo, text, found)
	case !memo.Found:
		err = at.Remove(at.link)
		err = at.settled(err, "cannot remove %s", memo.Link)
	default:
		err = at.putBack(memo)
	}
	if err != nil {
		return err
	}
	return memo.stray(errors.Join(memo.Order.Undo(), at.removeTemporary()))
}

// stray is what lies about when the link itself is as it was. A record that could not be reached stays to be
// undone.
func (swapLinkMemo) stray(err error) error {
	if err == nil || step.IsParentChanged(err) {
		return err
	}
	return &step.Leftover{Err: err}
}

// record says which release is left. A switch is too urgent to fail for that, on a full disk say.
func (m swapLinkMemo) record(run *step.Run) {
	var err error
	switch {
	case m.Order.Dir == "":
		return
	case m.Leave == "" && m.Choose == "":
		_ = m.Order.Begin() // it only tells later steps where releases are
		return
	default:
		err = m.Order.Leave(m.Leave, m.Choose)
	}
	switch {
	case err != nil:
		run.Log.Warn(fmt.Sprintf("cannot record how the releases in %s are left: %v", m.Order.Dir, err))
	case m.Leave != "":
		run.Log.Info(fmt.Sprintf("%s is left as bad, and is not chosen again by itself", m.Leave))
	}
}

// putBack gives the old link its place.
func (p linkPlace) putBack(memo swapLinkMemo) error {
	err := p.restore(memo)
	if err != nil && fault.As(err) == nil { // it is not there, or is not the old link
		if err = p.make(memo, memo.OldText); err == nil {
			err = p.restore(memo)
		}
	}
	if err != nil {
		return durable.Explain(err, "cannot give back the owner and the time of %s", memo.Link)
	}
	err = p.Rename(p.temporary, p.Dir, p.link)
	return p.settled(err, "cannot point %s back", memo.Link)
}

// restore gives the link with the hidden name the owner and the time of the old one. What is not that link,
// or has another name too, which may be somebody else's, it does not touch: fs.ErrInvalid.
func (p linkPlace) restore(memo swapLinkMemo) error {
	entry, err := p.Entry(p.temporary)
	if err != nil {
		return err
	}
	defer entry.Close()
	status, err := entry.Stat()
	if err != nil {
		return err
	}
	if text, err := entry.Readlink(); err != nil || text != memo.OldText {
		return fs.ErrInvalid
	}
	if int(status.Uid) == memo.Owner && int(status.Gid) == memo.Group && time.Unix(status.Mtim.Unix()).Equal(memo.Modified) {
		return nil
	}
	if status.Nlink != 1 {
		return fs.ErrInvalid
	}
	err = entry.Chown(memo.Owner, memo.Group)
	if errors.Is(err, fs.ErrPermission) {
		err = nil // who is not root could not have changed another's link, and makes its own
	}
	if err == nil {
		err = entry.Utimes(unix.Timespec{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(memo.Modified.UnixNano()))
	}
	return durable.Explain(err, "cannot give back the owner and the time of %s", memo.Link)
}

// IsDurable leaves nothing to sync: every change above is durable when it returns.
func (swapLink) IsDurable() {}

// Inspect refuses a rollback where the link no longer points where Do put it, or has nowhere to go back to.
func (swapLink) Inspect(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	text, found, err := memo.look(run)
	switch {
	case err != nil:
		return err
	case !found || text != memo.Text && !memo.ours(run, text):
		return changed(memo, text, found)
	case memo.OldTarget == "":
		return nil
	}
	if _, err := run.Machine.Stat(memo.OldTarget); err != nil {
		return fault.New(fault.Failed, "swap-link-no-target", "%s cannot point back at %s, which is not there", memo.Link, memo.OldTarget).WithCause(err)
	}
	return nil
}

// look reads the link as it is now.
func (m swapLinkMemo) look(run *step.Run) (text string, found bool, err error) {
	at, err := m.open(run)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer at.Close()
	return readLinkIn(at.Dir, at.link, "swap-link-not-a-link")
}

// ours reports whether a program of the run has pointed the link there: before the commit any other text is
// taken for its work, after it the one that Verify found.
func (m swapLinkMemo) ours(run *step.Run, text string) bool {
	if !run.AfterCommit {
		return run.Followed
	}
	left, err := durable.ReadSealed(filepath.Join(run.Directory, leftName))
	if err == nil && left == nil { // a gwe from before there were versions of undo data
		left, err = regular.Read(filepath.Join(run.Directory, "left"))
	}
	return err == nil && string(left) == text
}

// leftName is the file in Run.Directory that holds the text with which the run left the link, if that is not
// the one of Do.
const leftName = "left" + step.Settled

// Verify refuses nothing. It notes where a program of the run has pointed the link, for a rollback.
func (swapLink) Verify(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	if !run.Followed || run.AfterCommit {
		return nil
	}
	text, found, err := memo.look(run)
	if err != nil || !found || text == memo.Text {
		return nil
	}
	if err := run.MakeDirectory(); err != nil {
		return err
	}
	return durable.WriteSealed(filepath.Join(run.Directory, leftName), []byte(text))
}

// Leases are the old target, which the undo points the link back to, and the old link.
func (swapLink) Leases(_ swapLinkArguments, memo swapLinkMemo) (paths []string) {
	if memo.OldTarget != "" {
		paths = append(paths, memo.OldTarget)
	}
	if memo.Found && memo.OldText != memo.Text {
		paths = append(paths, memo.Temporary)
	}
	return paths
}

// Release gives up the old link.
func (swapLink) Release(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	at, err := memo.open(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer at.Close()
	return at.removeTemporary()
}

// changed is the error of a link that is neither as it was nor as we make it.
func changed(memo swapLinkMemo, text string, found bool) error {
	now, was := "is gone", "was not there"
	if found {
		now = "points at " + text
	}
	if memo.Found {
		was = "pointed at " + memo.OldText
	}
	return fault.New(fault.Failed, "swap-link-changed", "%s %s now, but %s, and was to point at %s: another program changed it", memo.Link, now, was, memo.Text).
		WithHint("see what else changes %s; point it by hand where it belongs", memo.Link)
}

// make makes a link beside the one that it will replace.
func (p linkPlace) make(memo swapLinkMemo, text string) error {
	if err := p.removeTemporary(); err != nil {
		return err
	}
	if err := p.Symlink(text, p.temporary); err != nil {
		return durable.Explain(err, "cannot make a link in %s", p.Path())
	}
	switch {
	case memo.Leave != "" || memo.Choose != "": // what is recorded of the releases is durable with it
		err := p.SyncFileSystem()
		return errors.Join(durable.Explain(err, "cannot sync the file system of %s", p.Path()), memo.Order.Sync(p.Dir))
	case !memo.Found: // it replaces nothing that a power cut could take away: one sync after its rename is enough
		return nil
	}
	return p.settled(nil, "")
}

func (p linkPlace) removeTemporary() error {
	err := p.Remove(p.temporary)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return p.settled(err, "cannot remove %s", p.Join(p.temporary))
}
