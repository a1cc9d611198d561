package transfer

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/xattr"
)

// attributes are what an entry has beside its content.
type attributes struct {
	mode     uint32 // the twelve permission bits
	uid, gid uint32
	modified unix.Timespec
	extended []xattr.Attribute
}

// owners reports whether owners are kept: root alone may give files away.
func owners() bool { return os.Geteuid() == 0 }

// attributesAt reads the attributes of name in directory, which status is about.
func attributesAt(directory int, name string, status *unix.Stat_t) (attributes, error) {
	found := attributes{mode: status.Mode & 0o7777, uid: status.Uid, gid: status.Gid, modified: status.Mtim}
	var err error
	if found.extended, err = xattr.At(directory, name).All(carried); err != nil {
		return found, fmt.Errorf("%s: %w", name, err)
	}
	return found, nil
}

// equal reports whether two entries of the same kind have the same attributes. The permission bits of links
// mean nothing.
func (a attributes) equal(b attributes, kind uint32) bool {
	if a.modified != b.modified || owners() && (a.uid != b.uid || a.gid != b.gid) || kind != unix.S_IFLNK && a.mode != b.mode {
		return false
	}
	return xattr.Equal(a.extended, b.extended)
}

// give sets the attributes of name in directory; has are the extended ones that it has. The owner comes
// first, because its change takes setuid bits and capabilities away; an access list changes the mode, so the
// mode comes after it; the time comes last.
func (a attributes) give(directory int, name string, kind uint32, has []xattr.Attribute) error {
	if owners() {
		if err := durable.Repeat(func() error { return unix.Fchownat(directory, name, int(a.uid), int(a.gid), unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
			return &os.PathError{Op: "chown", Path: name, Err: err}
		}
	}
	if err := giveExtended(directory, name, has, a.extended); err != nil {
		return err
	}
	if kind != unix.S_IFLNK {
		if err := durable.Repeat(func() error { return unix.Fchmodat(directory, name, a.mode, 0) }); err != nil {
			return &os.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, a.modified}
	if err := durable.Repeat(func() error { return unix.UtimesNanoAt(directory, name, times, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return &os.PathError{Op: "utimensat", Path: name, Err: err}
	}
	return nil
}
