package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
)

// undo removes the release, or what there is of it. A release that has its name loses it first, so that a power cut
// never leaves half a release under a whole one's name.
//
// It needs no lease on the running release: a hard link is a file's second name, and taking one away takes nothing from
// the other. What it could not put back is a shared file that was written to in place; it says so.
func (j job) undo(ctx context.Context, run *step.Run, m memo) error {
	staging := filepath.Join(j.folder, m.Staging)
	away, err := j.away(run, m, staging)
	if err != nil {
		return err
	}
	if err := j.takeName(ctx, run, m, staging); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	place, err := j.place(run, staging)
	if err != nil {
		return err
	}
	if err := made.Discard(ctx, run, staging, place); err != nil {
		return &step.Leftover{Err: explain(err, "cannot remove %s", staging)}
	}
	if err := m.Order.Undo(); err != nil {
		return &step.Leftover{Err: err}
	}
	if !away {
		if err := durable.RemoveChecked(filepath.Join(run.Folder, identityName)); err != nil {
			return &step.Leftover{Err: err}
		}
	}
	if m.Created {
		// Where somebody else has put something into it, it stays.
		if err := os.Remove(j.folder); err == nil {
			return durable.SyncFolder(filepath.Dir(j.folder))
		}
	}
	return nil
}

// place is where the release has, or had, its name.
func (j job) place(run *step.Run, staging string) (string, error) {
	noted, known, err := notedIdentity(run.Folder)
	if err != nil || !known {
		return staging, err
	}
	return filepath.Join(j.folder, noted.Name), nil
}

// inspect refuses a rollback while something is mounted in the release.
func (j job) inspect(run *step.Run) error {
	place, err := j.place(run, "")
	if err != nil || place == "" {
		return err
	}
	return made.Unmounted(run.Machine, place)
}

// keeps foresees what would move aside.
func (j job) keeps(ctx context.Context, run *step.Run) (step.Keeping, error) {
	noted, known, err := notedIdentity(run.Folder)
	if err != nil || !known {
		return step.Keeping{}, err
	}
	final := filepath.Join(j.folder, noted.Name)
	if found, err := identityOf(final); err != nil || found != noted {
		return step.Keeping{Made: []string{final}}, nil
	}
	return made.Keeps(ctx, run, final, true)
}

// away tells whether our release is at neither of its names. A later step may have moved it, and could not be undone yet: when this
// undo comes again, it will know it.
func (j job) away(run *step.Run, m memo, staging string) (bool, error) {
	noted, known, err := notedIdentity(run.Folder)
	if err != nil || !known {
		return false, err
	}
	if found, err := identityOf(filepath.Join(j.folder, noted.Name)); err == nil && found == noted {
		return false, nil
	}
	staged, err := identityOf(staging)
	return err != nil || m.Empty != nil && staged.sameFolder(*m.Empty), nil
}

// takeName renames our release, where it has got its name, back to the staging name. An empty folder that had the name
// before gets it back.
func (j job) takeName(ctx context.Context, run *step.Run, m memo, staging string) error {
	noted, known, err := notedIdentity(run.Folder)
	if err != nil || !known {
		return err
	}
	isStaged, err := identityOf(staging)
	if err == nil && (m.Empty == nil || !isStaged.sameFolder(*m.Empty)) {
		return nil // it never got the name, or has lost it already
	}
	emptyIsStaged := err == nil
	final := filepath.Join(j.folder, noted.Name)
	if found, err := identityOf(final); err != nil || found != noted {
		if err := durable.Unmounted(final); err != nil {
			return &step.Leftover{Err: err}
		}
		// Removed already; what has that name now is not ours.
		if emptyIsStaged {
			return putBackEmpty(staging, final)
		}
		return nil
	}
	if err := j.inUse(m, final); err != nil {
		return err
	}
	tellChanges(ctx, run, m, final)
	if emptyIsStaged {
		err = swap(final, staging)
	} else if err = durable.MoveAway(final, staging); err == nil {
		err = durable.SyncFolder(j.folder)
	}
	if err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// putBackEmpty gives the empty folder its name back after somebody removed the release; where the name is taken it is
// theirs, and the empty folder goes with the staging name.
func putBackEmpty(staging, final string) error {
	if err := durable.RenameNoReplace(staging, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return &step.Leftover{Err: err}
	}
	return nil
}

// inUse keeps a release that link-dest points to: the step that pointed it there could not be undone, and a release that
// may be faulty is better than none. A link that led to its name before, when nothing was there, does so again.
func (j job) inUse(m memo, final string) error {
	if j.linkDest == "" {
		return nil
	}
	if text, err := os.Readlink(string(j.linkDest)); err == nil && text == m.Dangling {
		return nil
	}
	running, err := os.Stat(string(j.linkDest))
	if err != nil {
		return nil
	}
	release, err := os.Stat(final)
	if err != nil || !os.SameFile(running, release) {
		return nil
	}
	return &step.Leftover{Err: fault.New(fault.Failed, "release-in-use", "the release %s stays: %s still leads to it", final, j.linkDest).
		WithHint("point %s to another release, then run gwe recover", j.linkDest)}
}

// verify makes sure, just before the commit, that no file shared with the running release was written to in place.
func (j job) verify(ctx context.Context, run *step.Run, m memo) error {
	noted, known, err := notedIdentity(run.Folder)
	if err != nil || !known {
		return err
	}
	if err := made.Settle(ctx, run, filepath.Join(j.folder, noted.Name)); err != nil {
		return err
	}
	var first string
	count := 0
	err = changedFiles(ctx, filepath.Join(run.Folder, sharedName), filepath.Join(j.folder, noted.Name), func(path string) {
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
		"%q was written to in place after it had been linked, and %d more such files: the running release %s has changed with it, which undo cannot put back",
		first, count-1, m.Beside).
		WithHint("name such files in the package's %s or in the step's `copy`, and see that hooks replace files instead of writing to them", copyList)
}

// mostTold is how many files are named in the log.
const mostTold = 20

// tellChanges says which files of the running release are not as they were, when the new one is removed.
func tellChanges(ctx context.Context, run *step.Run, m memo, final string) {
	count := 0
	err := changedFiles(ctx, filepath.Join(run.Folder, sharedName), final, func(path string) {
		if count++; count <= mostTold {
			run.Log.Warn(fmt.Sprintf("%q in %s was written to in place and stays changed: the two releases shared it", path, m.Beside))
		}
	})
	if err != nil {
		run.Log.Warn(fmt.Sprintf("cannot tell whether files of %s were written to in place: %v", m.Beside, err))
	}
}
