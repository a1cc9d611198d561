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
	// Kind, Size and Modified tell it on a file system whose inode numbers do not outlive a mount; a
	// directory has no Size.
	Kind     uint16 `json:"kind"`
	Size     uint64 `json:"size,omitempty"`
	Modified int64  `json:"modified"`
	// Volatile is true on such a file system, and on overlayfs, where a file of a lower layer that is changed
	// or renamed becomes another.
	Volatile bool `json:"volatile,omitempty"`
}

// Is reports whether both are the same file. The number of the device says little: after a reboot it may be
// another one.
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
	found, _, _, err := look(handle)
	return found, err
}

// look is identityOf that also gives the attributes of statx, and the type of the file system: two calls for
// all that.
func look(handle int) (found Identity, attributes uint64, system int64, err error) {
	var status unix.Statx_t
	err = repeat(func() error {
		return unix.Statx(handle, "", unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &status)
	})
	if err != nil {
		return Identity{}, 0, 0, err
	}
	found = Identity{Device: unix.Mkdev(status.Dev_major, status.Dev_minor), Inode: status.Ino}
	if status.Mask&unix.STATX_BTIME != 0 {
		found.Born = status.Btime.Sec*1e9 + int64(status.Btime.Nsec)
	}
	found.Kind, found.Modified = status.Mode&unix.S_IFMT, status.Mtime.Sec*1e9+int64(status.Mtime.Nsec)
	if found.Kind != unix.S_IFDIR {
		found.Size = status.Size
	}
	system = systemOf(handle)
	found.Volatile = slices.Contains(volatileSystems(), system)
	return found, status.Attributes, system, nil
}

// Surely reports by one call whether the directory is the one with that identity. false says nothing: another
// look has to tell.
func (d *Dir) Surely(known Identity) bool {
	var status unix.Statx_t
	err := repeat(func() error {
		return unix.Statx(d.handle, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &status)
	})
	return err == nil && !known.Volatile && status.Mask&unix.STATX_BTIME != 0 && known.Born == status.Btime.Sec*1e9+int64(status.Btime.Nsec) &&
		known.Inode == status.Ino && known.Device == unix.Mkdev(status.Dev_major, status.Dev_minor)
}

// Look tells of a directory what Identity, Mounted and InMemory tell, in fewer calls.
func (d *Dir) Look() (found Identity, mounted, inMemory bool, err error) {
	found, attributes, system, err := look(d.handle)
	return found, attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, slices.Contains(memorySystems(), system), wrong("statx", d.path, err)
}

// exfat is EXFAT_SUPER_MAGIC of linux/magic.h.
const exfat = 0x2011bab0

// volatileSystems are the types of file systems whose inode numbers do not stay.
func volatileSystems() []int64 {
	return []int64{unix.MSDOS_SUPER_MAGIC, exfat, unix.OVERLAYFS_SUPER_MAGIC}
}

// memorySystems are those that end with the boot.
func memorySystems() []int64 { return []int64{unix.TMPFS_MAGIC, unix.RAMFS_MAGIC} }

// systemOf is the type of the file system that an open file is on; 0 where the kernel does not tell.
func systemOf(handle int) int64 {
	var system unix.Statfs_t
	if err := repeat(func() error { return unix.Fstatfs(handle, &system) }); err != nil {
		return 0
	}
	return int64(system.Type)
}

// InMemory reports whether the directory is on a file system that ends with the boot: tmpfs, ramfs.
func (d *Dir) InMemory() bool { return slices.Contains(memorySystems(), systemOf(d.handle)) }

// Volatile reports whether the directory is on a file system whose inode numbers do not stay: overlayfs,
// vfat, exfat.
func (d *Dir) Volatile() bool { return slices.Contains(volatileSystems(), systemOf(d.handle)) }
