package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Do makes the changes, one after the other; Sync makes them durable together. Each one is a rename or an exchange of two
// names, which a power cut does not split: undo finds every place as it was or as it was to be.
func (linkTree) Do(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) (linkTreeOutputs, error) {
	if err := ctx.Err(); err != nil {
		return linkTreeOutputs{}, err
	}
	outputs, done := linkTreeOutputs{Unchanged: memo.Unchanged}, 0
	err := memo.each(ctx, run.Folder, func(one change) error {
		if err := one.do(run.Machine); err != nil {
			return err
		}
		switch one.Kind {
		case makeLink:
			outputs.Made++
		case replaceByLink:
			outputs.Replaced++
		case removeStale:
			outputs.Removed++
			run.Log.Info(fmt.Sprintf("removed the stale link %s", one.Path))
		}
		if done++; done%100 == 0 || done == memo.Changes {
			run.Log.Progress(int64(done), int64(memo.Changes), "links")
		}
		return nil
	})
	return outputs, err
}

func (c change) do(machine step.Machine) error {
	place, hidden := string(c.Path), string(c.Hidden)
	switch c.Kind {
	case makeFolder:
		return c.mkdir()
	case makeLink:
		return c.make(machine)
	}
	now, err := lookAt(machine, place)
	if err != nil {
		return err
	}
	if now == nil && c.Old != 0 || now != nil && inodeOf(now) != c.Old {
		if ours, err := c.isOurs(machine, now, place); err != nil || ours && c.Kind != removeStale {
			return err // an attempt before this one came so far
		}
		return c.changed()
	}
	if c.Kind == removeStale {
		return durable.MoveNoReplace(place, hidden)
	}
	if err := c.link(hidden); err != nil {
		return err
	}
	err = durable.Repeat(func() error { return unix.Renameat2(unix.AT_FDCWD, hidden, unix.AT_FDCWD, place, unix.RENAME_EXCHANGE) })
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		// Without an exchange there is a moment without the name, from which undo finds back.
		if err := os.Remove(hidden); err != nil {
			return durable.Explain(err, "cannot remove %s", hidden)
		}
		if err := durable.MoveNoReplace(place, hidden); err != nil {
			return err
		}
		return c.link(place)
	}
	return durable.Explain(err, "cannot replace %s", place)
}

// mkdir makes a folder like the one in the tree.
func (c change) mkdir() error {
	place := string(c.Path)
	info, err := os.Lstat(string(c.Source))
	if err != nil {
		return durable.Explain(err, "cannot look at %s", c.Source)
	}
	if err := os.Mkdir(place, 0o700); err != nil {
		return durable.Explain(err, "cannot make the folder %s", place)
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if ok {
		err = os.Lchown(place, int(status.Uid), int(status.Gid))
	}
	if errors.Is(err, fs.ErrPermission) {
		err = nil // who is not root makes folders of its own
	}
	if err == nil {
		err = os.Chmod(place, info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
	}
	return durable.Explain(err, "cannot give the folder %s its owner and mode", place)
}

// make makes the link where nothing is.
func (c change) make(machine step.Machine) error {
	err := c.link(string(c.Path))
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	now, err := lookAt(machine, string(c.Path))
	if err != nil {
		return err
	}
	if ours, err := c.isOurs(machine, now, string(c.Path)); err != nil || ours {
		return err // an attempt before this one came so far
	}
	return c.changed()
}

// link makes the new link at a path.
func (c change) link(path string) error {
	if c.Hard {
		return durable.Explain(os.Link(string(c.Source), path), "cannot link %s to %s", path, c.Source)
	}
	return durable.Explain(os.Symlink(string(c.Source), path), "cannot link %s to %s", path, c.Source)
}

// isOurs tells whether what is at a path is the link that this change makes.
func (c change) isOurs(machine step.Machine, now fs.FileInfo, path string) (bool, error) {
	switch {
	case now == nil:
		return false, nil
	case c.Hard:
		return inodeOf(now) == c.File, nil
	case now.Mode()&fs.ModeSymlink == 0:
		return false, nil
	}
	text, err := machine.ReadLink(path)
	return text == string(c.Source), durable.Explain(err, "cannot read the link %s", path)
}

// Undo goes the same way back, in the opposite order. What cannot be undone does not keep the rest from it.
func (linkTree) Undo(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	var failures []error
	err := memo.eachBackward(ctx, run.Folder, func(one change) error {
		err := one.undo(run.Machine, run.Followed && !run.AfterCommit)
		if left := (*step.Leftover)(nil); run.AfterCommit && one.Kind == makeFolder && errors.As(err, &left) {
			run.Log.Warn(fmt.Sprintf("%s stays: it has entries that came after the commit", one.Path))
			err = nil
		}
		if err != nil {
			failures = append(failures, err)
		}
		return nil
	})
	return errors.Join(append(failures, err)...)
}

// undo takes one change back. What a program of the run has put in the place of a link goes too where followed is true.
func (c change) undo(machine step.Machine, followed bool) error {
	place, hidden := string(c.Path), string(c.Hidden)
	now, err := lookAt(machine, place)
	if err != nil {
		return err
	}
	if c.Kind == makeFolder {
		return c.rmdir(now)
	}
	ours, err := c.isOurs(machine, now, place)
	if err != nil {
		return err
	}
	ours = ours || followed && now != nil && !now.IsDir()
	if c.Kind == makeLink {
		return c.takeAway(now, ours)
	}
	kept, err := lookAt(machine, hidden)
	if err != nil {
		return err
	}
	switch {
	case kept != nil && inodeOf(kept) == c.Old:
		switch {
		case now == nil:
			return durable.MoveNoReplace(hidden, place)
		case ours && (c.Kind == replaceByLink || followed):
			return durable.Explain(os.Rename(hidden, place), "cannot put %s back", place)
		}
		return c.changed()
	case kept != nil: // our own link, which did not get its place
		if err := os.Remove(hidden); err != nil {
			return &step.Leftover{Err: durable.Explain(err, "cannot remove %s", hidden)}
		}
	}
	if now == nil || inodeOf(now) != c.Old {
		return c.changed()
	}
	return nil
}

// Inspect refuses a rollback where somebody else has changed a place since.
func (linkTree) Inspect(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	return memo.each(ctx, run.Folder, func(one change) error { return one.inspect(run.Machine) })
}

// inspect fails where undo would.
func (c change) inspect(machine step.Machine) error {
	if c.Kind == makeFolder {
		return nil
	}
	now, err := lookAt(machine, string(c.Path))
	if err != nil {
		return err
	}
	ours, err := c.isOurs(machine, now, string(c.Path))
	if err != nil {
		return err
	}
	free := now == nil || ours && c.Kind != removeStale
	if c.Kind != makeLink {
		kept, err := lookAt(machine, string(c.Hidden))
		if err != nil {
			return err
		}
		free = free && kept != nil && inodeOf(kept) == c.Old
	}
	if !free {
		return c.changed()
	}
	return nil
}

// takeAway removes a link where nothing was before.
func (c change) takeAway(now fs.FileInfo, ours bool) error {
	switch {
	case now == nil:
		return nil
	case ours:
		return durable.Explain(os.Remove(string(c.Path)), "cannot remove %s", c.Path)
	}
	return c.changed()
}

// rmdir removes a folder where none was before. Where somebody else has put something into it, it stays.
func (c change) rmdir(now fs.FileInfo) error {
	if now == nil || !now.IsDir() {
		return nil
	}
	if err := os.Remove(string(c.Path)); err != nil {
		return &step.Leftover{Err: fault.New(fault.Failed, "link-tree-folder-left", "the folder %s was made here and is not empty", c.Path).
			WithHint("see what somebody else has put there: ls -lA %s", c.Path).WithCause(err)}
	}
	return nil
}

func (c change) changed() error {
	return fault.New(fault.Failed, "link-tree-changed", "%s is neither as it was nor as it was to be: somebody else changed it", c.Path).
		WithHint("see what else changes %s; what was there before may be %s", c.Path, c.Hidden)
}

// Sync makes the changes durable with one syncfs of each file system that they touch.
func (linkTree) Sync(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	folders, last := map[uint64]string{}, ""
	err := memo.each(ctx, run.Folder, func(one change) error {
		folder := filepath.Dir(string(one.Path))
		if folder == last {
			return nil
		}
		last = folder
		device, err := deviceAt(run.Machine, folder)
		folders[device] = folder
		return err
	})
	if err != nil {
		return err
	}
	return durable.SyncFileSystems(slices.Collect(maps.Values(folders))...)
}

// Release removes what was replaced or removed, and kept until now.
func (linkTree) Release(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	return memo.each(ctx, run.Folder, func(one change) error {
		if one.Hidden == "" {
			return nil
		}
		if err := os.Remove(string(one.Hidden)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return durable.Explain(err, "cannot remove %s", one.Hidden)
		}
		return nil
	})
}
