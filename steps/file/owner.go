package file

import (
	"io/fs"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// parseMode reads a mode as chmod does: three or four octal digits.
func parseMode(text string) (fs.FileMode, error) {
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

// modeBits are the bits of a mode that chmod sets.
const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// parseOwner reads "user:group", each a name of this machine or a number.
func parseOwner(text string) (uid, gid int, err error) {
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

// ownerOf gives a file's owner.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(status.Uid), int(status.Gid)
}
