package trust

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// user is who gwe runs as.
type user struct {
	uid, gid uint32
	// nobody is the owner that files have whose real owner a user namespace does not map; -1 outside of one.
	nobody int64
}

func self() user {
	return user{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), nobody: unmapped("/proc/self/uid_map", "/proc/sys/kernel/overflowuid")}
}

// unmapped is the id that stands for every owner outside of this user namespace, the real root among them; -1
// in the first namespace, and where that id is a user of the namespace itself. See user_namespaces(7).
func unmapped(table, overflow string) int64 {
	ranges, err := os.ReadFile(table)
	if err != nil {
		return -1
	}
	text, _ := os.ReadFile(overflow)
	nobody := int64(65534)
	_, _ = fmt.Sscan(string(text), &nobody)
	for line := range strings.Lines(string(ranges)) {
		var first, outside, count int64
		if _, err := fmt.Sscan(line, &first, &outside, &count); err != nil || nobody >= first && nobody < first+count {
			return -1
		}
	}
	return nobody
}

func (u user) trusts(owner uint32) bool {
	return owner == 0 || owner == u.uid || int64(owner) == u.nobody
}

// writable reports whether the mode of an entry lets a less trusted user write. With an ACL, the bits of the
// group are its mask, and may be another user's right.
func (u user) writable(path string, info fs.FileInfo) bool {
	if info.Mode()&fs.ModeSymlink != 0 {
		return false // its mode means nothing
	}
	group := info.Sys().(*syscall.Stat_t).Gid
	mode := info.Mode().Perm()
	return mode&0o002 != 0 || mode&0o020 != 0 && (group != 0 && group != u.gid || hasACL(path))
}

func hasACL(path string) bool {
	size, err := unix.Lgetxattr(path, "system.posix_acl_access", nil)
	return err == nil && size > 0
}

// weakness judges one entry. In a directory with the sticky bit, entries can be replaced by their owner
// alone: that is enough for one on the way to a path.
func (u user) weakness(path string, info fs.FileInfo, above bool) *Weakness {
	switch {
	case !u.trusts(info.Sys().(*syscall.Stat_t).Uid):
		return weaknessOf(path, info, true)
	case u.writable(path, info) && !(above && info.IsDir() && info.Mode()&fs.ModeSticky != 0):
		return weaknessOf(path, info, false)
	}
	return nil
}
