package placement

import (
	"io/fs"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// ParseMode reads a mode as chmod does: three or four octal digits. Its fault is mode-invalid.
func ParseMode(text string) (fs.FileMode, error) {
	bits, err := strconv.ParseUint(text, 8, 12)
	if err != nil || len(text) < 3 || len(text) > 4 {
		return 0, fault.New(fault.Refused, "mode-invalid", "%q is not a mode", text).
			WithHint(`write it in quotes with octal digits: "0644"`)
	}
	return fileMode(uint32(bits)), nil
}

// fileMode gives the bits as package fs has them.
func fileMode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	for bit, named := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= named
		}
	}
	return mode
}

// ModeNumber gives the bits of a mode as chmod(2) has them.
func ModeNumber(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for named, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&named != 0 {
			bits |= bit
		}
	}
	return bits
}

// ModeBits are the bits of a mode that chmod sets.
const ModeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// ParseOwner reads "user:group", each a name of this machine or a number. Its faults are owner-invalid and
// owner-unknown.
func ParseOwner(text string) (uid, gid int, err error) {
	owner, group, found := strings.Cut(text, ":")
	if !found || owner == "" || group == "" {
		return 0, 0, fault.New(fault.Refused, "owner-invalid", "%q is not an owner", text).WithHint("write user:group, by name or by number")
	}
	if uid, err = strconv.Atoi(owner); err != nil {
		known, err := user.Lookup(owner)
		if err != nil {
			return 0, 0, fault.New(fault.Refused, "owner-unknown", "this machine has no user %s", owner).
				WithHint("make it in a step before; getent passwd lists the users")
		}
		uid, _ = strconv.Atoi(known.Uid)
	}
	if gid, err = strconv.Atoi(group); err != nil {
		known, err := user.LookupGroup(group)
		if err != nil {
			return 0, 0, fault.New(fault.Refused, "owner-unknown", "this machine has no group %s", group).
				WithHint("make it in a step before; getent group lists the groups")
		}
		gid, _ = strconv.Atoi(known.Gid)
	}
	return uid, gid, nil
}

// OwnerOf returns the owner of a file, -1 and -1 where the system does not say.
func OwnerOf(info fs.FileInfo) (uid, gid int) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(status.Uid), int(status.Gid)
}
