package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/steps/order"
)

// giveName renames the staging folder to the first free name. Its identity is written down durably before, so that an undo
// in another process knows the release under whatever name it has got.
func giveName(frame, staging, top string, record order.Record) (string, error) {
	const attempts = 10_000
	for number := range attempts {
		name := top
		if number > 0 {
			name = fmt.Sprintf("%s-%d", top, number)
		}
		final := filepath.Join(filepath.Dir(staging), name)
		if _, err := os.Lstat(final); err == nil {
			continue
		}
		if err := noteIdentity(frame, staging, name, record); err != nil {
			return "", err
		}
		err := durable.RenameNoReplace(staging, final)
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

// giveFixedName renames the staging folder to that one name, which must be free.
func giveFixedName(frame, staging, name string, record order.Record) error {
	if err := noteIdentity(frame, staging, name, record); err != nil {
		return err
	}
	final := filepath.Join(filepath.Dir(staging), name)
	err := durable.RenameNoReplace(staging, final)
	if errors.Is(err, os.ErrExist) {
		return targetTaken(final)
	}
	return err
}

// exchange gives the staging folder the name of the empty folder that was there, and that one the staging name.
func exchange(frame, staging, name string, empty identity, record order.Record) error {
	if err := noteIdentity(frame, staging, name, record); err != nil {
		return err
	}
	final := filepath.Join(filepath.Dir(staging), name)
	if is, err := identityOf(final); err != nil || is != empty {
		return targetTaken(final)
	}
	if err := swap(staging, final); err != nil {
		return err
	}
	// It may have been filled in the last moment.
	entries, err := os.ReadDir(staging)
	if err == nil && len(entries) > 0 {
		return errors.Join(targetTaken(final), swap(staging, final))
	}
	return explain(err, "cannot look at %s", staging)
}

// swap exchanges two names in one folder, durably.
func swap(one, other string) error {
	err := durable.Repeat(func() error { return unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE) })
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EBUSY):
		return fault.New(fault.Failed, "target-exists", "%s cannot be replaced by a new folder", other).WithCause(err).
			WithHint("remove the empty folder, or extract to a new folder in it")
	case err != nil:
		return explain(&os.LinkError{Op: "exchange", Old: one, New: other, Err: err}, "cannot rename %s", one)
	}
	return durable.SyncFolder(filepath.Dir(other))
}

func targetTaken(final string) error {
	return fault.New(fault.Failed, "target-exists", "%s was made or changed by somebody else meanwhile", final).
		WithHint("extract to a new folder that nothing else uses")
}
