package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Do makes the new link, and lets it change places with the old one. Where the file system cannot do that it is renamed over it.
func (swapLink) Do(ctx context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) (step.Nothing, error) {
	if err := ctx.Err(); err != nil {
		return step.Nothing{}, err
	}
	text, found, err := readLink(run.Machine, memo.Link, "swap-link-not-a-link")
	switch {
	case err != nil:
		return step.Nothing{}, err
	case found && text == memo.Text:
		return step.Nothing{}, nil
	case found != memo.Found || text != memo.OldText:
		return step.Nothing{}, changed(memo, text, found)
	}
	memo.record(run)
	if err := makeTemporary(memo, memo.Text); err != nil {
		return step.Nothing{}, err
	}
	if err := ctx.Err(); err != nil {
		return step.Nothing{}, err
	}
	if !memo.Found {
		return step.Nothing{}, durable.RenameNoReplace(memo.Temporary, memo.Link)
	}
	err = exchange(memo.Temporary, memo.Link)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		err = durable.Rename(memo.Temporary, memo.Link)
	}
	return step.Nothing{}, err
}

// Undo gives back the old link: the very one, which needs no space, or else one that is made like it.
func (swapLink) Undo(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	text, found, err := readLink(run.Machine, memo.Link, "swap-link-not-a-link")
	switch {
	case err != nil:
		return err
	case found == memo.Found && text == memo.OldText:
	case found && text != memo.Text && !memo.ours(run, text):
		return changed(memo, text, found)
	case !memo.Found:
		err = remove(memo.Link)
	default:
		err = putBack(memo)
	}
	if err != nil {
		return err
	}
	// A temporary link that stays is a leftover: the link itself is as it was.
	if stray := errors.Join(memo.Order.Undo(), removeTemporary(memo)); stray != nil {
		return &step.Leftover{Err: stray}
	}
	return nil
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

func putBack(memo swapLinkMemo) error {
	if kept, err := os.Readlink(memo.Temporary); err != nil || kept != memo.OldText {
		if err := makeTemporary(memo, memo.OldText); err != nil {
			return err
		}
	}
	if err := restoreAttributes(memo); err != nil {
		return err
	}
	return durable.Rename(memo.Temporary, memo.Link)
}

// Sync has nothing to do: every change above is durable when it returns.
func (swapLink) Sync(context.Context, *step.Run, swapLinkArguments, swapLinkMemo) error { return nil }

// Inspect refuses a rollback where the link no longer points where Do put it, or has nowhere to go back to.
func (swapLink) Inspect(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	text, found, err := readLink(run.Machine, memo.Link, "swap-link-not-a-link")
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

// ours reports whether a program of the run has pointed the link there: before the commit any other text is taken for its work, after it the
// one that Verify found.
func (m swapLinkMemo) ours(run *step.Run, text string) bool {
	if !run.AfterCommit {
		return run.Followed
	}
	left, err := os.ReadFile(filepath.Join(run.Folder, leftName))
	return err == nil && string(left) == text
}

// leftName is the file in Run.Folder that holds the text with which the run left the link, if that is not the one of Do.
const leftName = "left"

// Verify refuses nothing. It notes where a program of the run has pointed the link, for a rollback.
func (swapLink) Verify(_ context.Context, run *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	if !run.Followed || run.AfterCommit {
		return nil
	}
	text, found, err := readLink(run.Machine, memo.Link, "swap-link-not-a-link")
	if err != nil || !found || text == memo.Text {
		return nil
	}
	return durable.WriteFile(filepath.Join(run.Folder, leftName), []byte(text), 0o600)
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
func (swapLink) Release(_ context.Context, _ *step.Run, _ swapLinkArguments, memo swapLinkMemo) error {
	return removeTemporary(memo)
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
	return fault.New(fault.Failed, "swap-link-changed", "%s %s now, but %s, and was to point at %s: somebody else changed it", memo.Link, now, was, memo.Text).
		WithHint("see what else changes %s; point it by hand where it belongs", memo.Link)
}

// makeTemporary makes a link beside the one that it will replace.
func makeTemporary(memo swapLinkMemo, text string) error {
	if err := removeTemporary(memo); err != nil {
		return err
	}
	if err := os.Symlink(text, memo.Temporary); err != nil {
		return durable.Explain(err, "cannot make a link in %s", filepath.Dir(memo.Link))
	}
	if memo.Leave != "" || memo.Choose != "" { // what is recorded of the releases is durable with it
		return durable.SyncFileSystems(filepath.Dir(memo.Link), memo.Order.Dir)
	}
	return durable.SyncFolder(filepath.Dir(memo.Link))
}

func removeTemporary(memo swapLinkMemo) error {
	if _, err := os.Lstat(memo.Temporary); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return remove(memo.Temporary)
}

func remove(link string) error {
	if err := os.Remove(link); err != nil {
		return durable.Explain(err, "cannot remove %s", link)
	}
	return durable.SyncFolder(filepath.Dir(link))
}

// restoreAttributes gives the temporary link the owner and the time of the old one.
func restoreAttributes(memo swapLinkMemo) error {
	err := os.Lchown(memo.Temporary, memo.Owner, memo.Group)
	if errors.Is(err, fs.ErrPermission) {
		err = nil // who is not root could not have changed another's link, and makes its own
	}
	if err == nil {
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(memo.Modified.UnixNano())}
		err = durable.Repeat(func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, memo.Temporary, times, unix.AT_SYMLINK_NOFOLLOW) })
	}
	return durable.Explain(err, "cannot give back the owner and the time of %s", memo.Link)
}
