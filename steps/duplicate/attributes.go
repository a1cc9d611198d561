package duplicate

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// attributes gives the copy owner, extended attributes (ACLs and capabilities are among them), mode and time, in this order: a change
// of owner takes setuid and capabilities away, an ACL changes the mode, and all of them need the permission to write.
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
	found, err := attributesOf(from)
	if err != nil {
		return err
	}
	for _, one := range found {
		err := to.Setxattr(one.name, one.value)
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) && !d.root {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type attribute struct {
	name  string
	value []byte
}

// attributesOf reads the extended attributes of an entry.
func attributesOf(entry *openat.Entry) ([]attribute, error) {
	names, err := entry.Listxattr()
	if err != nil {
		return nil, err
	}
	var all []attribute
	for _, name := range names {
		value, err := entry.Getxattr(name)
		if errors.Is(err, unix.ENODATA) {
			continue // it went meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, attribute{name, value})
	}
	return all, nil
}

// SameAttributes reports whether two entries have the same extended attributes, in whatever order. What cannot be read is
// not the same.
func SameAttributes(a, b *openat.Entry) bool {
	ours, err := attributesOf(a)
	if err != nil {
		return false
	}
	theirs, err := attributesOf(b)
	if err != nil || len(ours) != len(theirs) {
		return false
	}
	values := map[string]string{}
	for _, one := range theirs {
		values[one.name] = string(one.value)
	}
	for _, one := range ours {
		if value, there := values[one.name]; !there || value != string(one.value) {
			return false
		}
	}
	return true
}
