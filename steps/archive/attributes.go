package archive

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/xattr"
)

// attributes are what a file has beside its content.
type attributes struct {
	mode     uint32 // the twelve permission bits
	uid, gid int
	modified unix.Timespec
	extended []xattr.Attribute // sorted by name
}

// maxID is one more than the largest user or group: -1 means "leave it" to chown.
const maxID int64 = 1<<32 - 1

// attributesOf reads the attributes that an entry will have. Owners are those of the archive for root; others
// own what they extract.
func (x *extraction) attributesOf(e entry) (attributes, error) {
	modified, err := unix.TimeToTimespec(e.ModTime)
	if err != nil {
		return attributes{}, refuse(e.Header, "archive-time", "this machine has no such time")
	}
	wanted := attributes{mode: uint32(e.Mode & 0o7777), uid: x.uid, gid: x.gid, modified: modified}
	if x.owners {
		if e.Uid < 0 || e.Gid < 0 || int64(e.Uid) >= maxID || int64(e.Gid) >= maxID {
			return attributes{}, refuse(e.Header, "archive-owner", "there is no owner %d:%d", e.Uid, e.Gid)
		}
		wanted.uid, wanted.gid = e.Uid, e.Gid
	}
	wanted.extended = x.extendedIn(e.Header)
	return wanted, nil
}

// implied are the attributes of a directory that the archive uses but does not list.
func (x *extraction) implied() attributes {
	return attributes{mode: 0o755, uid: x.uid, gid: x.gid, modified: x.began}
}

func attributesFrom(status *unix.Stat_t) attributes {
	return attributes{mode: status.Mode & 0o7777, uid: int(status.Uid), gid: int(status.Gid), modified: status.Mtim}
}

// apply gives the open file, which is called base in messages, its attributes. The owner comes first, because
// changing it takes the setuid bit and the capabilities away; the mode comes after the extended attributes,
// because it may forbid them; the time comes last.
func (a attributes) apply(handle int, base string, owners bool) error {
	if owners {
		if err := durable.Repeat(func() error { return unix.Fchown(handle, a.uid, a.gid) }); err != nil {
			return &os.PathError{Op: "chown", Path: base, Err: err}
		}
	}
	if err := a.setExtended(xattr.Of(handle), base); err != nil {
		return err
	}
	if err := durable.Repeat(func() error { return unix.Fchmod(handle, a.mode) }); err != nil {
		return &os.PathError{Op: "chmod", Path: base, Err: err}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, a.modified}
	if err := durable.Repeat(func() error { return utimes(handle, times) }); err != nil {
		return &os.PathError{Op: "utimensat", Path: base, Err: err}
	}
	return nil
}

// utimes sets the times of an open file.
func utimes(handle int, times []unix.Timespec) error {
	err := unix.UtimesNanoAt(handle, "", times, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", handle), times, 0)
	}
	return err
}

// setTime sets the modification time alone, of a symbolic link in the private staging directory.
func (a attributes) setTime(directory int, base string) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, a.modified}
	if err := durable.Repeat(func() error { return unix.UtimesNanoAt(directory, base, times, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return &os.PathError{Op: "utimensat", Path: base, Err: err}
	}
	return nil
}
