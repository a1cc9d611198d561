package file

import (
	"bytes"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
)

// attributes gives the copy owner, extended attributes (ACLs and capabilities are among them), mode and time, in this order: a change
// of owner takes setuid and capabilities away, an ACL changes the mode, and all of them need the permission to write.
func (d *duplication) attributes(from, to place, status unix.Stat_t) error {
	uid, gid := int(status.Uid), int(status.Gid)
	if d.uid >= 0 {
		uid = d.uid
	}
	if d.gid >= 0 {
		gid = d.gid
	}
	err := durable.Repeat(func() error { return unix.Fchownat(to.folder, to.name, uid, gid, unix.AT_SYMLINK_NOFOLLOW) })
	asked := d.uid >= 0 || d.gid >= 0
	if err != nil && (!errors.Is(err, unix.EPERM) || asked && !d.lax || d.root && !d.lax) {
		return to.wrong("chown", err)
	}
	if err := d.extended(from, to); err != nil {
		return err
	}
	if status.Mode&unix.S_IFMT != unix.S_IFLNK {
		mode := status.Mode & 0o7777
		if d.mode != nil {
			mode = d.mode.apply(mode, status.Mode&unix.S_IFMT == unix.S_IFDIR)
		}
		// The name is ours alone and no link, so nothing else can be meant.
		if err := durable.Repeat(func() error { return unix.Fchmodat(to.folder, to.name, mode, 0) }); err != nil && !(d.lax && errors.Is(err, unix.EPERM)) {
			return to.wrong("chmod", err)
		}
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, status.Mtim}
	return to.wrong("utimensat", durable.Repeat(func() error { return unix.UtimesNanoAt(to.folder, to.name, times, unix.AT_SYMLINK_NOFOLLOW) }))
}

// extended copies the extended attributes. Where the target's file system has none, they are lost as with cp.
func (d *duplication) extended(from, to place) error {
	found, err := attributesOf(from.inside())
	if err != nil {
		return from.wrong("listxattr", err)
	}
	for _, one := range found {
		err := durable.Repeat(func() error { return unix.Lsetxattr(to.inside(), one.name, one.value, 0) })
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) && !d.root {
			continue
		}
		if err != nil {
			return to.wrong("setxattr "+one.name, err)
		}
	}
	return nil
}

type attribute struct {
	name  string
	value []byte
}

// attributesOf reads the extended attributes of what is at the path; a link is not followed.
func attributesOf(path string) ([]attribute, error) {
	names, err := grown(func(buffer []byte) (int, error) { return unix.Llistxattr(path, buffer) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []attribute
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value, err := grown(func(buffer []byte) (int, error) { return unix.Lgetxattr(path, name, buffer) })
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

// grown calls read with a buffer that is large enough.
func grown(read func([]byte) (int, error)) ([]byte, error) {
	for size := 1 << 10; ; size *= 4 {
		buffer := make([]byte, size)
		length, err := read(buffer)
		if errors.Is(err, unix.ERANGE) && size < 1<<20 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return bytes.Clone(buffer[:length]), nil
	}
}

// sameAttributes tells whether two paths have the same extended attributes, in whatever order. What cannot be read is
// not the same.
func sameAttributes(a, b string) bool {
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
