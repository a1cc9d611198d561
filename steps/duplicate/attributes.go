package duplicate

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/xattr"
)

// attributes gives the copy owner, extended attributes (ACLs and capabilities are among them), mode and time,
// in this order: a change of owner takes setuid and capabilities away, an ACL changes the mode, and all of
// them need the permission to write.
func (d *duplication) attributes(from, to *openat.Entry, status unix.Stat_t) error {
	uid, gid := int(status.Uid), int(status.Gid)
	if d.UID >= 0 {
		uid = d.UID
	}
	if d.GID >= 0 {
		gid = d.GID
	}
	asked := d.UID >= 0 || d.GID >= 0
	if err := to.Chown(uid, gid); err != nil && (!errors.Is(err, unix.EPERM) || asked && !d.lax || d.root && !d.lax) {
		return err
	}
	if err := d.extended(from, to); err != nil {
		return err
	}
	if status.Mode&unix.S_IFMT != unix.S_IFLNK {
		mode := status.Mode & 0o7777
		if d.Mode != nil {
			mode = d.Mode(mode, status.Mode&unix.S_IFMT == unix.S_IFDIR)
		}
		if err := to.Chmod(mode); err != nil && !(d.lax && errors.Is(err, unix.EPERM)) {
			return err
		}
	}
	return to.Utimes(unix.Timespec{Nsec: unix.UTIME_OMIT}, status.Mtim)
}

// extended copies the extended attributes. Where the target's file system has none, they are lost as with cp.
func (d *duplication) extended(from, to *openat.Entry) error {
	found, err := from.Attributes().All(nil)
	if err != nil {
		return err
	}
	for _, one := range found {
		err := to.Attributes().Set(one.Name, one.Value)
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) && !d.root {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "setxattr " + one.Name, Path: to.Path(), Err: err}
		}
	}
	return nil
}

// SameAttributes reports whether two entries have the same extended attributes, in whatever order. What
// cannot be read is not the same.
func SameAttributes(a, b *openat.Entry) bool {
	ours, err := a.Attributes().All(nil)
	if err != nil {
		return false
	}
	theirs, err := b.Attributes().All(nil)
	return err == nil && xattr.Equal(ours, theirs)
}
