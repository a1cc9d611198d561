package archive

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// giveName renames the staging directory to the first free name. Its identity is written down durably before,
// so that an undo in another process knows the release under whatever name it has got.
func giveName(run *step.Run, dir *openat.Dir, staging, top string, record order.Record) (string, error) {
	const attempts = 10_000
	for number := range attempts {
		name := top
		if number > 0 {
			name = fmt.Sprintf("%s-%d", top, number)
		}
		if _, err := dir.Stat(name); err == nil {
			continue
		}
		err := giveFreeName(run, dir, staging, name, record)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	return "", fault.New(fault.Failed, "release-names-taken", "%s and the names %s-1 to %s-%d are all taken", top, top, top, attempts-1).
		WithHint("remove releases that are no longer needed")
}

// giveFreeName renames the staging directory to a name, which is free. errors.Is(err, fs.ErrExist) tells that
// it is not.
func giveFreeName(run *step.Run, dir *openat.Dir, staging, name string, record order.Record) error {
	if err := noteIdentity(run, dir, staging, name, record); err != nil {
		return err
	}
	if err := dir.RenameNoReplace(staging, dir, name); err != nil {
		return durable.Explain(err, "cannot rename %s to %s", dir.Join(staging), dir.Join(name))
	}
	if err := isNoted(run, dir, name); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// isNoted fails where the name is not that of the directory that the step has made: another user of the
// directory can rename, too.
func isNoted(run *step.Run, dir *openat.Dir, name string) error {
	noted, err := readIdentity(run.Directory)
	if err != nil {
		return err
	}
	found, err := identityAt(dir.Descriptor(), name)
	if err != nil || found != noted {
		return targetTaken(dir.Join(name))
	}
	return nil
}

// giveFixedName renames the staging directory to that one name, which must be free.
func giveFixedName(run *step.Run, dir *openat.Dir, staging, name string, record order.Record) error {
	err := giveFreeName(run, dir, staging, name, record)
	if errors.Is(err, os.ErrExist) {
		return targetTaken(dir.Join(name))
	}
	return err
}

// exchange gives the staging directory the name of the empty directory that was there, and that one the
// staging name.
func exchange(run *step.Run, dir *openat.Dir, staging, name string, empty identity, record order.Record) error {
	if err := noteIdentity(run, dir, staging, name, record); err != nil {
		return err
	}
	final := dir.Join(name)
	if is, err := identityAt(dir.Descriptor(), name); err != nil || is != empty {
		return targetTaken(final)
	}
	if err := swap(dir, staging, name); err != nil {
		return err
	}
	// It may have been filled in the last moment.
	entries, err := namesIn(dir, staging)
	if err == nil && len(entries) > 0 {
		return errors.Join(targetTaken(final), swap(dir, staging, name))
	}
	if err != nil {
		return explain(err, "cannot look at %s", dir.Join(staging))
	}
	return isNoted(run, dir, name)
}

// namesIn lists a directory in an open one.
func namesIn(dir *openat.Dir, name string) ([]string, error) {
	below, err := dir.Sub(name)
	if err != nil {
		return nil, err
	}
	defer below.Close()
	return below.Names()
}

// swap exchanges two names in one directory, durably.
func swap(dir *openat.Dir, one, other string) error {
	err := dir.Exchange(one, dir, other)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EBUSY):
		return fault.New(fault.Failed, "target-exists", "%s cannot be replaced by a new directory", dir.Join(other)).WithCause(err).
			WithHint("remove the empty directory, or extract to a new directory in it")
	case err != nil:
		return explain(err, "cannot rename %s", dir.Join(one))
	}
	return durable.SyncDir(dir)
}

func targetTaken(final string) error {
	return fault.New(fault.Failed, "target-exists", "%s was made or changed by another program meanwhile", final).
		WithHint("extract to a new directory that nothing else uses")
}
