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
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Do makes the changes, one after the other; Sync makes them durable together. Each one is a rename or an
// exchange of two names, which a power cut does not split: undo finds every place as it was or as it was to
// be.
func (linkTree) Do(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) (linkTreeOutputs, error) {
	if err := ctx.Err(); err != nil {
		return linkTreeOutputs{}, err
	}
	outputs, done := linkTreeOutputs{Unchanged: memo.Unchanged}, 0
	in, err := memo.mirror(run)
	if err != nil {
		return outputs, err
	}
	defer in.close()
	err = memo.each(ctx, run.Directory, func(one change) error {
		if err := in.do(one); err != nil {
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

func (p *mirror) do(one change) error {
	at, err := p.of(one)
	if err != nil {
		return err
	}
	if at.dir == nil {
		return durable.Explain(fs.ErrNotExist, "cannot open %s", filepath.Dir(string(one.Path)))
	}
	switch one.Kind {
	case makeDirectory:
		return p.mkdir(at)
	case makeLink:
		return p.make(at)
	}
	now, err := at.now()
	if err != nil {
		return err
	}
	if now == nil && one.Old != 0 || now != nil && now.Ino != one.Old {
		if ours, err := at.isOurs(now); err != nil || ours && one.Kind != removeStale {
			return err // an attempt before this one came so far
		}
		return one.changed()
	}
	if one.Kind == removeStale {
		if err := at.rename(at.name, at.hidden); err != nil {
			return err
		}
		return at.settled(func() error { return at.rename(at.hidden, at.name) })
	}
	if err := p.link(at, at.hidden); err != nil {
		return err
	}
	err = at.dir.Exchange(at.hidden, at.dir, at.name)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) {
		// Without an exchange there is a moment without the name, from which undo finds back.
		if err := at.dir.Remove(at.hidden); err != nil {
			return durable.Explain(err, "cannot remove %s", one.Hidden)
		}
		if err := at.rename(at.name, at.hidden); err != nil {
			return err
		}
		return p.link(at, at.name)
	}
	if err != nil {
		return durable.Explain(err, "cannot replace %s", one.Path)
	}
	return at.settled(func() error { return at.dir.Exchange(at.hidden, at.dir, at.name) })
}

// settled makes sure that what got the hidden name is what was looked at, and goes back if it is not.
func (p place) settled(back func() error) error {
	kept, err := p.kept()
	if err == nil && (kept == nil || kept.Ino != p.Old) && !p.dir.Volatile() {
		err = errors.Join(p.changed(), back())
	}
	return err
}

func (p place) rename(name, other string) error {
	return durable.Explain(p.dir.RenameNoReplace(name, p.dir, other), "cannot rename %s to %s", p.dir.Join(name), p.dir.Join(other))
}

// mkdir makes a directory like the one in the tree.
func (p *mirror) mkdir(at place) error {
	source, err := p.from(at.change)
	if err != nil {
		return durable.Explain(err, "cannot look at %s", at.Source)
	}
	defer source.Close()
	like, err := source.Stat()
	if err != nil {
		return durable.Explain(err, "cannot look at %s", at.Source)
	}
	if err := at.dir.Mkdir(at.name, 0o700); err != nil {
		return durable.Explain(err, "cannot make the directory %s", at.Path)
	}
	made, err := at.dir.Entry(at.name)
	if err != nil {
		return durable.Explain(err, "cannot look at %s", at.Path)
	}
	defer made.Close()
	if err := isFresh(made); err != nil {
		return at.changed()
	}
	err = made.Chown(int(like.Uid), int(like.Gid))
	if errors.Is(err, fs.ErrPermission) {
		err = nil // who is not root makes directories of its own
	}
	if err == nil {
		err = made.Chmod(like.Mode & 0o7777)
	}
	return durable.Explain(err, "cannot give the directory %s its owner and mode", at.Path)
}

// isFresh fails where a directory cannot be one that was made a moment ago: another user has put another one
// in its place.
func isFresh(made *openat.Entry) error {
	status, err := made.Stat()
	if err != nil {
		return err
	}
	dir, err := made.Dir()
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Names()
	if err == nil && (int(status.Uid) != os.Geteuid() || len(names) > 0) {
		err = fs.ErrInvalid
	}
	return err
}

// make makes the link where nothing is.
func (p *mirror) make(at place) error {
	err := p.link(at, at.name)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	now, err := at.now()
	if err != nil {
		return err
	}
	if ours, err := at.isOurs(now); err != nil || ours {
		return err // an attempt before this one came so far
	}
	return at.changed()
}

// link makes the new link under a name. A hard link is one of the very file that the step found in the tree.
func (p *mirror) link(at place, name string) error {
	if !at.Hard {
		return durable.Explain(at.dir.Symlink(string(at.Source), name), "cannot link %s to %s", at.dir.Join(name), at.Source)
	}
	source, err := p.from(at.change)
	if err != nil {
		return durable.Explain(err, "cannot link %s to %s", at.dir.Join(name), at.Source)
	}
	defer source.Close()
	status, err := source.Stat()
	if err == nil && status.Ino != at.File && !p.source.Volatile() {
		return fault.New(fault.Failed, "link-tree-changed", "%s is not the file that the step found there: another program changed it", at.Source).
			WithHint("see what else changes %s, then run again", filepath.Dir(string(at.Source)))
	}
	if err == nil {
		err = source.LinkTo(at.dir, name)
	}
	return durable.Explain(err, "cannot link %s to %s", at.dir.Join(name), at.Source)
}

// isOurs reports whether what has the name of the place is the link that this change makes.
func (p place) isOurs(now *unix.Stat_t) (bool, error) {
	switch {
	case now == nil:
		return false, nil
	case p.Hard:
		return now.Ino == p.File, nil
	case now.Mode&unix.S_IFMT != unix.S_IFLNK:
		return false, nil
	}
	text, err := p.dir.Readlink(p.name)
	return text == string(p.Source), durable.Explain(err, "cannot read the link %s", p.Path)
}

// isOurs is that of a place, for a survey.
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
	in, err := memo.mirror(run)
	if err != nil {
		return err
	}
	defer in.close()
	var failures, moved []error
	err = memo.eachBackward(ctx, run.Directory, func(one change) error {
		at, err := in.of(one)
		if err == nil {
			err = at.undo(run.Followed && !run.AfterCommit)
		}
		if left := (*step.Leftover)(nil); run.AfterCommit && one.Kind == makeDirectory && errors.As(err, &left) {
			run.Log.Warn(fmt.Sprintf("%s stays: it has entries that came after the commit", one.Path))
			err = nil
		}
		switch {
		case step.IsParentChanged(err):
			moved = append(moved, err)
		case err != nil:
			failures = append(failures, err)
		}
		return nil
	})
	const most = 3 // one directory that was moved has many places
	return errors.Join(append(append(moved[:min(len(moved), most)], failures...), err)...)
}

// undo takes one change back. What a program of the run has put in the place of a link goes too where
// followed is true.
func (p place) undo(followed bool) error {
	now, err := p.now()
	if err != nil {
		return err
	}
	if p.Kind == makeDirectory {
		return p.rmdir(now)
	}
	ours, err := p.isOurs(now)
	if err != nil {
		return err
	}
	ours = ours || followed && now != nil && !isDir(now)
	if p.Kind == makeLink {
		return p.takeAway(now, ours)
	}
	kept, err := p.kept()
	if err != nil {
		return err
	}
	switch {
	case kept != nil && kept.Ino == p.Old:
		switch {
		case now == nil:
			return p.rename(p.hidden, p.name)
		case ours && (p.Kind == replaceByLink || followed):
			return durable.Explain(p.dir.Rename(p.hidden, p.dir, p.name), "cannot put %s back", p.Path)
		}
		return p.changed()
	case kept != nil: // our own link, which did not get its place
		if err := p.dir.Remove(p.hidden); err != nil {
			return &step.Leftover{Err: durable.Explain(err, "cannot remove %s", p.Hidden)}
		}
	}
	if now == nil || now.Ino != p.Old {
		return p.changed()
	}
	return nil
}

// Inspect refuses a rollback where somebody else has changed a place since.
func (linkTree) Inspect(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	in, err := memo.mirror(run)
	if err != nil {
		return err
	}
	defer in.close()
	return memo.each(ctx, run.Directory, func(one change) error {
		at, err := in.of(one)
		if err != nil {
			return err
		}
		return at.inspect()
	})
}

// inspect fails where undo would.
func (p place) inspect() error {
	if p.Kind == makeDirectory {
		return nil
	}
	now, err := p.now()
	if err != nil {
		return err
	}
	ours, err := p.isOurs(now)
	if err != nil {
		return err
	}
	free := now == nil || ours && p.Kind != removeStale
	if p.Kind != makeLink {
		kept, err := p.kept()
		if err != nil {
			return err
		}
		free = free && kept != nil && kept.Ino == p.Old
	}
	if !free {
		return p.changed()
	}
	return nil
}

// takeAway removes a link where nothing was before.
func (p place) takeAway(now *unix.Stat_t, ours bool) error {
	switch {
	case now == nil:
		return nil
	case ours:
		return durable.Explain(p.dir.Remove(p.name), "cannot remove %s", p.Path)
	}
	return p.changed()
}

// rmdir removes a directory where none was before. Where somebody else has put something into it, it stays.
func (p place) rmdir(now *unix.Stat_t) error {
	if now == nil || !isDir(now) {
		return nil
	}
	if err := p.dir.Remove(p.name); err != nil {
		return &step.Leftover{Err: fault.New(fault.Failed, "link-tree-directory-left", "the directory %s was made here and is not empty", p.Path).
			WithHint("see what was put there: ls -lA %s", p.Path).WithCause(err)}
	}
	return nil
}

func (c change) changed() error {
	return fault.New(fault.Failed, "link-tree-changed", "%s is neither as it was nor as it was to be: another program changed it", c.Path).
		WithHint("see what else changes %s; what was there before may be %s", c.Path, c.Hidden)
}

// Sync makes the changes durable with one syncfs of each file system that they touch.
func (linkTree) Sync(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	in, err := memo.mirror(run)
	if err != nil {
		return err
	}
	defer in.close()
	var last *openat.Dir
	synced := map[uint64]bool{}
	return memo.each(ctx, run.Directory, func(one change) error {
		at, err := in.of(one)
		if err != nil || at.dir == nil || at.dir == last {
			return err
		}
		last = at.dir
		now, err := at.dir.Identity()
		if err == nil && !synced[now.Device] {
			synced[now.Device] = true
			err = at.dir.SyncFileSystem()
		}
		return durable.Explain(err, "cannot sync the file system of %s", at.dir.Path())
	})
}

// Release removes what was replaced or removed, and kept until now.
func (linkTree) Release(ctx context.Context, run *step.Run, _ linkTreeArguments, memo linkTreeMemo) error {
	in, err := memo.mirror(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.close()
	return memo.each(ctx, run.Directory, func(one change) error {
		if one.Hidden == "" {
			return nil
		}
		at, err := in.of(one)
		if err != nil || at.dir == nil {
			return err
		}
		if err := at.dir.Remove(at.hidden); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return durable.Explain(err, "cannot remove %s", one.Hidden)
		}
		return nil
	})
}
