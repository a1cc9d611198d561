package archive

import (
	"encoding/json"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// identity is how a release is known after it has left its staging name: its final name, and the directory's
// inode and time of birth, which survive the rename. The device is no part of it: it may have another number
// after a reboot.
type identity struct {
	Name         string `json:"name"`
	Inode        uint64 `json:"inode"`
	BirthSeconds int64  `json:"birth_seconds"`
	BirthNanos   uint32 `json:"birth_nanos"`
}

// sameDirectory reports whether two are one directory, whatever its name.
func (i identity) sameDirectory(other identity) bool {
	i.Name = other.Name
	return i == other
}

// identityName is the file in the frame's directory that holds it.
const identityName = "release.json"

// writeIdentity writes down which directory the step has made, under the name that it is about to get; "" as
// long as that is not known.
func writeIdentity(frame string, made identity) error {
	text, err := json.Marshal(made)
	if err != nil {
		return fault.New(fault.Errored, "release-record", "cannot note the new release").WithCause(err)
	}
	return durable.WriteChecked(filepath.Join(frame, identityName), text)
}

// noteIdentity writes down which directory is about to get that name, and its place in the order of the
// releases, and makes both durable together with what is in the directory: one syncfs where all are on one
// file system.
func noteIdentity(run *step.Run, dir *openat.Dir, directory, name string, record order.Record) error {
	found, err := identityAt(dir.Descriptor(), directory)
	if err != nil {
		return explain(err, "cannot look at %s", dir.Join(directory))
	}
	noted, err := readIdentity(run.Directory)
	if err != nil {
		return err
	}
	if !found.sameDirectory(noted) {
		return replaced(dir.Join(directory))
	}
	found.Name = name
	if err := writeIdentity(run.Directory, found); err != nil {
		return err
	}
	if err := record.Install(name); err != nil {
		return err
	}
	return durable.SyncFileSystemsAt([]*openat.Dir{dir}, run.Directory)
}

// notedIdentity reads it; known is false where no release has ever got as far as its name.
func notedIdentity(frame string) (noted identity, known bool, err error) {
	noted, err = readIdentity(frame)
	return noted, noted.Name != "", err
}

// readIdentity reads which directory the step has made; it is zero where there is none.
func readIdentity(frame string) (noted identity, err error) {
	text, err := durable.ReadChecked(filepath.Join(frame, identityName))
	if err != nil || len(text) == 0 {
		return identity{}, err
	}
	if err := json.Unmarshal(text, &noted); err != nil {
		return identity{}, fault.New(fault.Errored, "release-record", "the note of the new release cannot be read").WithCause(err)
	}
	return noted, nil
}

// identityAt looks at a directory in an open one, not through a symbolic link; "" is the open one itself.
// File systems that know no time of birth have it as zero.
func identityAt(dir int, name string) (identity, error) {
	var status unix.Statx_t
	err := durable.Repeat(func() error {
		return unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME|unix.STATX_TYPE, &status)
	})
	if err != nil {
		return identity{}, &os.PathError{Op: "statx", Path: name, Err: err}
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		return identity{}, &os.PathError{Op: "statx", Path: name, Err: unix.ENOTDIR}
	}
	found := identity{Name: name, Inode: status.Ino}
	if status.Mask&unix.STATX_BTIME != 0 {
		found.BirthSeconds, found.BirthNanos = status.Btime.Sec, status.Btime.Nsec
	}
	return found, nil
}
