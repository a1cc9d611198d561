package openat

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/xattr"

	"github.com/gwe-project/gwe/engine/fault"
)

// trust knows who is as trusted as this process: root, and the user and the group that it runs as.
//
// The rule, with D the directory that holds a link:
//
//   - If nobody less trusted can change D, the link is followed.
//   - If D is sticky, root or this user owns D, and root or this user owns the link, nobody else could have
//     put it there: it is followed.
//   - Otherwise a less trusted user may have chosen where it leads to: it is followed if the directory that
//     it leads to belongs to that user, who gains nothing by it then. That user is the owner of D, and the
//     owner of the link; where both are less trusted and differ, or neither is, it is refused.
type trust struct{ uid, gid uint32 }

func ours() trust { return trust{uint32(os.Geteuid()), uint32(os.Getegid())} }

func (t trust) user(uid uint32) bool  { return uid == 0 || uid == t.uid }
func (t trust) group(gid uint32) bool { return gid == 0 || gid == t.gid }

// transition refuses to follow a link by which a less trusted user could lead gwe to what is not theirs.
func (t trust) transition(at, link spot, dir, status unix.Stat_t, target string, found spot) error {
	sticky := dir.Mode&unix.S_ISVTX != 0
	if t.user(dir.Uid) && (!t.writable(at.handle, dir) || sticky && t.user(status.Uid)) {
		return nil
	}
	var reached unix.Stat_t
	if err := unix.Fstat(found.handle, &reached); err != nil {
		return wrong("stat", link.path, err)
	}
	theirs, known := dir.Uid, !t.user(dir.Uid)
	if !t.user(status.Uid) {
		if known && theirs != status.Uid {
			return unsafe(at, link, dir, status, target, reached)
		}
		theirs, known = status.Uid, true
	}
	if known && reached.Uid == theirs {
		return nil
	}
	return unsafe(at, link, dir, status, target, reached)
}

// Untrusted reports whether a user less trusted than this process can put things into the directory. owner is
// its owner then, and -1 where that one is trusted.
func (d *Dir) Untrusted() (is bool, owner int, err error) {
	var status unix.Stat_t
	if err := unix.Fstat(d.handle, &status); err != nil {
		return true, -1, wrong("stat", d.path, err)
	}
	t := ours()
	if t.user(status.Uid) {
		return t.writable(d.handle, status), -1, nil
	}
	return true, int(status.Uid), nil
}

// Planted reports whether a file in the directory may be there because a less trusted user linked it: a
// regular file with further names, that is not that user's own. To change its mode or owner, or to hand out
// its content, would do so at its other names.
func (d *Dir) Planted(status unix.Stat_t) (bool, error) {
	if status.Mode&unix.S_IFMT != unix.S_IFREG || status.Nlink < 2 {
		return false, nil
	}
	untrusted, owner, err := d.Untrusted()
	return untrusted && int(status.Uid) != owner, err
}

// UnsafeHardLink is the refusal of such a file.
func (d *Dir) UnsafeHardLink(name string, status unix.Stat_t) error {
	path := d.Join(name)
	return fault.New(fault.Refused, "unsafe-hard-link",
		"cannot use %s: it has %d names, belongs to %d, and users other than root can link files into %s", path, status.Nlink, status.Uid, d.path).
		WithHint("find its other names (find / -xdev -inum %d), and make it a file of its own: cp -a %s %s.new && mv %s.new %s", status.Ino, path, path, path, path)
}

func unsafe(at, link spot, dir, status unix.Stat_t, target string, reached unix.Stat_t) error {
	whole := target
	if !filepath.IsAbs(target) {
		whole = filepath.Join(at.path, target)
	}
	return fault.New(fault.Refused, "unsafe-link",
		"cannot follow the symbolic link %s to %s: users other than root can change %s (owner %d:%d, mode %04o; the link belongs to %d), and %s belongs to %d",
		link.path, target, at.path, dir.Uid, dir.Gid, dir.Mode&0o7777, status.Uid, whole, reached.Uid).
		WithHint("name %s itself in the recipe; or let only root change %s: chown root %s && chmod go-w %s; or give the owner of %s what the link leads to",
			whole, at.path, at.path, at.path, at.path)
}

// writable reports that a less trusted user can change a directory whose owner is trusted.
func (t trust) writable(handle int, dir unix.Stat_t) bool {
	const group, other = 0o020, 0o002
	if dir.Mode&other != 0 {
		return true
	}
	if dir.Mode&group == 0 {
		return false
	}
	// With an access control list these bits are its mask.
	list, err := xattr.Through(handle).Get(xattr.AccessList)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
		return !t.group(dir.Gid)
	}
	if err != nil {
		return true
	}
	return t.listed(list, dir.Gid)
}

// listed reads an access control list as the kernel gives it: a version, then a tag, permissions and an id
// each.
func (t trust) listed(list []byte, gid uint32) bool {
	const (
		header, size                 = 4, 8
		write                        = 2
		namedUser, group, namedGroup = 0x02, 0x04, 0x08
	)
	for at := header; at+size <= len(list); at += size {
		tag, permissions, id := binary.LittleEndian.Uint16(list[at:]), binary.LittleEndian.Uint16(list[at+2:]), binary.LittleEndian.Uint32(list[at+4:])
		if permissions&write == 0 {
			continue
		}
		if tag == namedUser && !t.user(id) || tag == group && !t.group(gid) || tag == namedGroup && !t.group(id) {
			return true
		}
	}
	return false
}
