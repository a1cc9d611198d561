package durable

import "golang.org/x/sys/unix"

// immutable and appendOnly are FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h.
const (
	immutable  = 0x10
	appendOnly = 0x20
)

// Unmark takes the immutable and the append-only mark away from an open file, where the file system knows
// them.
func Unmark(handle int) {
	flags, err := unix.IoctlGetInt(handle, unix.FS_IOC_GETFLAGS)
	if err == nil && flags&(immutable|appendOnly) != 0 {
		_ = unix.IoctlSetPointerInt(handle, unix.FS_IOC_SETFLAGS, flags&^(immutable|appendOnly))
	}
}
