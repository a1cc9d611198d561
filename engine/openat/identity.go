package openat

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Identity tells a file from every other one: numbers of inodes are used again, but not within one moment.
type Identity struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Born is when the inode was made, in nanoseconds; 0 where the file system does not say.
	Born int64 `json:"born"`
	// Kind, Size and Modified tell it on a file system whose inode numbers do not outlive a mount; a directory has no Size.
	Kind     uint16 `json:"kind"`
	Size     uint64 `json:"size,omitempty"`
	Modified int64  `json:"modified"`
	// Volatile is true on such a file system, and on overlayfs, where a file of a lower layer that is changed or renamed becomes another.
	Volatile bool `json:"volatile,omitempty"`
}

// Is reports whether both are the same file. The number of the device says little: after a reboot it may be another one.
func (i Identity) Is(other Identity) bool {
	if i.Kind != other.Kind {
		return false
	}
	born := i.Born != 0 && i.Born == other.Born
	alike := i.Size == other.Size && i.Modified == other.Modified
	if i.Inode == other.Inode && (born || i.Born == other.Born && (i.Device == other.Device || alike)) {
		return true
	}
	return i.Volatile && other.Volatile && (born || alike)
}

// identityOf looks at an open file.
func identityOf(handle int) (Identity, error) {
	var status unix.Statx_t
	err := repeat(func() error {
		return unix.Statx(handle, "", unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &status)
	})
	if err != nil {
		return Identity{}, err
	}
	found := Identity{Device: unix.Mkdev(status.Dev_major, status.Dev_minor), Inode: status.Ino}
	if status.Mask&unix.STATX_BTIME != 0 {
		found.Born = status.Btime.Sec*1e9 + int64(status.Btime.Nsec)
	}
	found.Kind, found.Modified = status.Mode&unix.S_IFMT, status.Mtime.Sec*1e9+int64(status.Mtime.Nsec)
	if found.Kind != unix.S_IFDIR {
		found.Size = status.Size
	}
	found.Volatile = volatile(handle)
	return found, nil
}

// exfat is EXFAT_SUPER_MAGIC of linux/magic.h.
const exfat = 0x2011bab0

// volatile reports whether an open file is on a file system whose inode numbers do not stay.
func volatile(handle int) bool {
	return isOn(handle, unix.MSDOS_SUPER_MAGIC, exfat, unix.OVERLAYFS_SUPER_MAGIC)
}

// isOn reports whether an open file is on a file system of one of these types.
func isOn(handle int, types ...int64) bool {
	var system unix.Statfs_t
	err := repeat(func() error { return unix.Fstatfs(handle, &system) })
	return err == nil && slices.Contains(types, int64(system.Type))
}

// InMemory reports whether the directory is on a file system that ends with the boot: tmpfs, ramfs.
func (d *Dir) InMemory() bool { return isOn(d.handle, unix.TMPFS_MAGIC, unix.RAMFS_MAGIC) }

// Volatile reports whether the directory is on a file system whose inode numbers do not stay: overlayfs, vfat, exfat.
func (d *Dir) Volatile() bool { return volatile(d.handle) }
