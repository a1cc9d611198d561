package archive

import (
	"encoding/json"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/steps/order"
)

// identity is how a release is known after it has left its staging name: its final name, and the folder's inode and time
// of birth, which survive the rename. The device is no part of it: it may have another number after a reboot.
type identity struct {
	Name         string `json:"name"`
	Inode        uint64 `json:"inode"`
	BirthSeconds int64  `json:"birth_seconds"`
	BirthNanos   uint32 `json:"birth_nanos"`
}

// sameFolder tells whether two are one folder, whatever its name.
func (i identity) sameFolder(other identity) bool {
	i.Name = other.Name
	return i == other
}

// identityName is the file in the frame's folder that holds it.
const identityName = "release.json"

// noteIdentity writes down which folder is about to get that name, and its place in the order of the releases, and makes both durable
// together with what is in the folder: one syncfs where all are on one file system.
func noteIdentity(frame, folder, name string, record order.Record) error {
	found, err := identityOf(folder)
	if err != nil {
		return explain(err, "cannot look at %s", folder)
	}
	found.Name = name
	text, err := json.Marshal(found)
	if err != nil {
		return fault.New(fault.Errored, "release-record", "cannot note the new release").WithCause(err)
	}
	if err := durable.WriteChecked(filepath.Join(frame, identityName), text); err != nil {
		return err
	}
	if err := record.Install(name); err != nil {
		return err
	}
	return durable.SyncFileSystems(folder, frame)
}

// notedIdentity reads it; known is false where no release has ever got as far as its name.
func notedIdentity(frame string) (noted identity, known bool, err error) {
	text, err := durable.ReadChecked(filepath.Join(frame, identityName))
	if err != nil || len(text) == 0 {
		return identity{}, false, err
	}
	if err := json.Unmarshal(text, &noted); err != nil {
		return identity{}, false, fault.New(fault.Errored, "release-record", "the note of the new release cannot be read").WithCause(err)
	}
	return noted, true, nil
}

// identityOf looks at a folder, not through a symbolic link. File systems that know no time of birth have it as zero.
func identityOf(folder string) (identity, error) {
	var status unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, folder, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME|unix.STATX_TYPE, &status)
	if err != nil {
		return identity{}, &os.PathError{Op: "statx", Path: folder, Err: err}
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		return identity{}, &os.PathError{Op: "statx", Path: folder, Err: unix.ENOTDIR}
	}
	found := identity{Name: filepath.Base(folder), Inode: status.Ino}
	if status.Mask&unix.STATX_BTIME != 0 {
		found.BirthSeconds, found.BirthNanos = status.Btime.Sec, status.Btime.Nsec
	}
	return found, nil
}
