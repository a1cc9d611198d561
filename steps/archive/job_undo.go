package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// undo removes the release, or what there is of it. A release that has its name loses it first, so that a
// power cut never leaves half a release under a whole one's name.
//
// It needs no lease on the running release: a hard link is a file's second name, and taking one away takes
// nothing from the other. What it could not restore is a shared file that was written to in place; it says
// so.
func (j job) undo(ctx context.Context, run *step.Run, m memo) error {
	dir, err := j.into(run, m)
	if errors.Is(err, fs.ErrNotExist) {
		return leftover(m.Order.Undo())
	}
	if err != nil {
		return explain(err, "cannot open the target directory %s", j.directory)
	}
	defer dir.Close()
	away, err := j.away(run, m, dir)
	if err != nil {
		return err
	}
	if err := j.takeName(ctx, run, m, dir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	place, err := j.place(run, filepath.Join(j.directory, m.Staging))
	if err != nil {
		return err
	}
	if err := made.DiscardIn(ctx, run, dir, m.Staging, place, "", isStaged(run)); err != nil {
		return &step.Leftover{Err: explain(err, "cannot remove %s", dir.Join(m.Staging))}
	}
	if err := m.Order.Undo(); err != nil {
		return &step.Leftover{Err: err}
	}
	if !away {
		if err := durable.RemoveChecked(filepath.Join(run.Directory, identityName)); err != nil {
			return &step.Leftover{Err: err}
		}
	}
	if m.Created {
		return j.unmakeInto(run)
	}
	return nil
}

func leftover(err error) error {
	if err == nil {
		return nil
	}
	return &step.Leftover{Err: err}
}

// unmakeInto removes the directory that the step made for the releases. Where somebody else has put something
// into it, it stays.
func (j job) unmakeInto(run *step.Run) error {
	above, name, err := run.Dir(j.directory)
	if err != nil {
		return explain(err, "cannot open the directory of %s", j.directory)
	}
	defer above.Close()
	if durable.Repeat(func() error { return unix.Unlinkat(above.Descriptor(), name, unix.AT_REMOVEDIR) }) == nil {
		return durable.SyncDir(above)
	}
	return nil
}

// place is where the release has, or had, its name.
func (j job) place(run *step.Run, staging string) (string, error) {
	noted, known, err := notedIdentity(run.Directory)
	if err != nil || !known {
		return staging, err
	}
	return filepath.Join(j.directory, noted.Name), nil
}

// placed opens the directory that holds the release that was noted; nil where either is not there.
func (j job) placed(run *step.Run, m memo) (dir *openat.Dir, noted identity, err error) {
	noted, known, err := notedIdentity(run.Directory)
	if err != nil || !known {
		return nil, noted, err
	}
	dir, err = j.into(run, m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noted, nil
	}
	return dir, noted, explain(err, "cannot open the target directory %s", j.directory)
}

// inspect refuses a rollback while something is mounted in the release.
func (j job) inspect(run *step.Run, m memo) error {
	dir, noted, err := j.placed(run, m)
	if err != nil || dir == nil {
		return err
	}
	defer dir.Close()
	return made.UnmountedIn(dir, noted.Name)
}

// keeps foresees what would move aside.
func (j job) keeps(ctx context.Context, run *step.Run, m memo) (step.Keeping, error) {
	dir, noted, err := j.placed(run, m)
	if err != nil || noted.Name == "" {
		return step.Keeping{}, err
	}
	defer dir.Close()
	final := filepath.Join(j.directory, noted.Name)
	if dir == nil {
		return step.Keeping{Made: []string{final}}, nil
	}
	if found, err := identityAt(dir.Descriptor(), noted.Name); err != nil || found != noted {
		return step.Keeping{Made: []string{final}}, nil
	}
	return made.Keeps(ctx, run, final, true)
}

// away reports whether our release is at neither of its names. A later step may have moved it, and could not
// be undone yet: when this undo comes again, it will know it.
func (j job) away(run *step.Run, m memo, dir *openat.Dir) (bool, error) {
	noted, known, err := notedIdentity(run.Directory)
	if err != nil || !known {
		return false, err
	}
	if found, err := identityAt(dir.Descriptor(), noted.Name); err == nil && found == noted {
		return false, nil
	}
	staged, err := identityAt(dir.Descriptor(), m.Staging)
	return err != nil || m.Empty != nil && staged.sameDirectory(*m.Empty), nil
}

// takeName renames our release, where it has got its name, back to the staging name. An empty directory that
// had the name before gets it back.
func (j job) takeName(ctx context.Context, run *step.Run, m memo, dir *openat.Dir) error {
	noted, known, err := notedIdentity(run.Directory)
	if err != nil || !known {
		return err
	}
	staged, err := identityAt(dir.Descriptor(), m.Staging)
	if err == nil && (m.Empty == nil || !staged.sameDirectory(*m.Empty)) {
		return nil // it never got the name, or has lost it already
	}
	emptyIsStaged := err == nil
	if found, err := identityAt(dir.Descriptor(), noted.Name); err != nil || found != noted {
		if err := durable.UnmountedAt(dir, noted.Name); err != nil {
			return &step.Leftover{Err: err}
		}
		// Removed already; what has that name now is not ours.
		if emptyIsStaged {
			return putBackEmpty(dir, m.Staging, noted.Name)
		}
		return nil
	}
	if err := j.inUse(run, m, dir, noted.Name); err != nil {
		return err
	}
	tellChanges(ctx, run, m, dir, noted.Name)
	if emptyIsStaged {
		err = swap(dir, noted.Name, m.Staging)
	} else if err = durable.MoveAwayAt(dir, noted.Name, dir, m.Staging); err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return &step.Leftover{Err: err}
	}
	return leftover(m.hasTaken(dir, noted, emptyIsStaged))
}

// hasTaken looks at what has got the staging name, and gives it back what it had where it is not the release:
// another user of the directory can rename, too.
func (m memo) hasTaken(dir *openat.Dir, noted identity, emptyIsStaged bool) error {
	if found, err := identityAt(dir.Descriptor(), m.Staging); err == nil && found.sameDirectory(noted) {
		return nil
	}
	var err error
	if emptyIsStaged {
		err = swap(dir, m.Staging, noted.Name)
	} else {
		err = dir.RenameNoReplace(m.Staging, dir, noted.Name)
	}
	return fault.New(fault.Failed, "release-changing", "%s was replaced while it was being removed", dir.Join(noted.Name)).
		WithHint("see who else can change %s: ls -ld %s", dir.Path(), dir.Path()).WithCause(err)
}

// putBackEmpty gives the empty directory its name back after somebody removed the release; where the name is
// taken it is theirs, and the empty directory goes with the staging name.
func putBackEmpty(dir *openat.Dir, staging, name string) error {
	err := dir.RenameNoReplace(staging, dir, name)
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &step.Leftover{Err: explain(err, "cannot rename %s", dir.Join(staging))}
	}
	return nil
}

// inUse keeps a release that link-dest points to: the step that pointed it there could not be undone, and a
// release that may be faulty is better than none. A link that led to its name before, when nothing was there,
// does so again.
func (j job) inUse(run *step.Run, m memo, dir *openat.Dir, name string) error {
	if j.linkDest == "" {
		return nil
	}
	if text, err := run.Machine.ReadLink(string(j.linkDest)); err == nil && text == m.Dangling {
		return nil
	}
	running, err := run.Machine.Stat(string(j.linkDest))
	if err != nil {
		return nil
	}
	release, err := dir.Lstat(name)
	if err != nil || !os.SameFile(running, release) {
		return nil
	}
	return &step.Leftover{Err: fault.New(fault.Failed, "release-in-use", "the release %s stays: %s still leads to it", dir.Join(name), j.linkDest).
		WithHint("point %s to another release, then run gwe recover", j.linkDest)}
}

// verify makes sure, just before the commit, that no file shared with the running release was written to in
// place.
func (j job) verify(ctx context.Context, run *step.Run, m memo) error {
	dir, noted, err := j.placed(run, m)
	if err != nil || dir == nil {
		return err
	}
	defer dir.Close()
	if err := made.SettleAs(ctx, run, func(string) (int, string) { return dir.Descriptor(), noted.Name }); err != nil {
		return err
	}
	var first string
	count := 0
	err = changedFiles(ctx, filepath.Join(run.Directory, sharedName), dir, noted.Name, func(path string) {
		if count++; count == 1 {
			first = path
		}
		if count <= mostTold {
			run.Log.Warn(fmt.Sprintf("%q was written to in place: it has changed in %s too", path, m.Beside))
		}
	})
	if err != nil || count == 0 {
		return err
	}
	return fault.New(fault.Failed, "linked-file-changed",
		"%q was written to in place after it had been linked, and %d more such files: the running release %s has changed with it, which undo cannot restore",
		first, count-1, m.Beside).
		WithHint("name such files in the package's %s or in the step's `copy`, and see that hooks replace files instead of writing to them", copyList)
}

// mostTold is how many files are named in the log.
const mostTold = 20

// tellChanges says which files of the running release are not as they were, when the new one is removed.
func tellChanges(ctx context.Context, run *step.Run, m memo, dir *openat.Dir, name string) {
	count := 0
	err := changedFiles(ctx, filepath.Join(run.Directory, sharedName), dir, name, func(path string) {
		if count++; count <= mostTold {
			run.Log.Warn(fmt.Sprintf("%q in %s was written to in place and stays changed: the two releases shared it", path, m.Beside))
		}
	})
	if err != nil {
		run.Log.Warn(fmt.Sprintf("cannot tell whether files of %s were written to in place: %v", m.Beside, err))
	}
}
