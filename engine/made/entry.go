package made

import (
	"context"
	"errors"
	"hash/crc32"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
)

// entry is one entry as it was made.
type entry struct {
	// Group tells the trees of a list apart.
	Group string
	// Path is relative to the root of its tree, which is "" itself.
	Path     string
	Mode     uint32
	UID, GID uint32
	Inode    uint64
	Size     int64
	// Modified and Changed are mtime and ctime.
	Modified, Changed moment
	// Settled means that Changed is that of the commit: a rename before has changed it.
	Settled bool
	// Before are mode and owner as the step gave them, where later steps of the run gave others: the undo of
	// these gives them back.
	Before *attributes
	// Sum is the CRC-32C of the content of a file that stands alone. Those of the files in a tree are in
	// Sums.
	Sum *uint32
}

// attributes are mode and owner.
type attributes struct{ Mode, UID, GID uint32 }

func entryOf(group, path string, status *unix.Stat_t) entry {
	return entry{
		Group: group, Path: path, Mode: status.Mode, UID: status.Uid, GID: status.Gid, Inode: status.Ino,
		Size: status.Size, Modified: momentOf(status.Mtim), Changed: momentOf(status.Ctim),
	}
}

func (e entry) kind() uint32 { return e.Mode & unix.S_IFMT }

// same reports whether what has this status is the entry itself, not something else in its place.
func (e entry) same(status *unix.Stat_t, volatile bool) bool {
	return e.kind() == status.Mode&unix.S_IFMT && (volatile || e.Inode == status.Ino)
}

// untouched reports whether content, as far as size and time show it, is as it was.
func (e entry) untouched(status *unix.Stat_t) bool {
	return e.Size == status.Size && e.Modified == momentOf(status.Mtim)
}

// permitted reports whether mode and owner are as they were at the commit, or as the step gave them.
func (e entry) permitted(status *unix.Stat_t) bool {
	is := attributes{status.Mode, status.Uid, status.Gid}
	if e.kind() == unix.S_IFLNK {
		is.Mode = e.Mode
	}
	return is == e.attributes() || e.Before != nil && is == *e.Before
}

func (e entry) attributes() attributes { return attributes{e.Mode, e.UID, e.GID} }

// unchanged reports whether an entry that is no directory may go. digest compares its content with the digest
// that was recorded; recorded is false where there is none.
func (e entry) unchanged(status *unix.Stat_t, volatile bool, digest func() (same, recorded bool)) bool {
	if e.kind() != status.Mode&unix.S_IFMT || !e.permitted(status) {
		return false
	}
	known := e.same(status, volatile) && e.untouched(status)
	if e.kind() != unix.S_IFREG || !known && e.Size != status.Size {
		return known
	}
	// The content of a file that has another name is not lost with this one.
	if known && (e.Settled && e.Changed == momentOf(status.Ctim) || status.Nlink > 1) {
		return true
	}
	same, recorded := digest()
	return same || known && !recorded
}

// castagnoli is the CRC for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumOf reads a regular file. It never waits for a FIFO in its place.
func sumOf(directory int, name string) (uint32, error) {
	handle, err := openAt(directory, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return 0, err
	}
	defer unix.Close(handle)
	var status unix.Stat_t
	if err := unix.Fstat(handle, &status); err != nil || status.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, errors.Join(err, os.ErrInvalid)
	}
	sum, buffer := uint32(0), make([]byte, min(status.Size+1, 64<<10))
	for {
		var count int
		err := durable.Repeat(func() (err error) {
			count, err = unix.Read(handle, buffer)
			return err
		})
		if err != nil {
			return 0, &os.PathError{Op: "read", Path: name, Err: err}
		}
		if sum = crc32.Update(sum, castagnoli, buffer[:count]); count == 0 || status.Size < int64(len(buffer)) && count < len(buffer) {
			return sum, nil
		}
	}
}

// exfat is EXFAT_SUPER_MAGIC of linux/magic.h.
const exfat = 0x2011bab0

// volatileAt reports whether a directory is on a file system whose inode numbers do not stay.
func volatileAt(directory int) bool {
	var system unix.Statfs_t
	err := unix.Fstatfs(directory, &system)
	return err == nil && slices.Contains([]int64{unix.MSDOS_SUPER_MAGIC, exfat, unix.OVERLAYFS_SUPER_MAGIC}, int64(system.Type))
}

// statAt looks at a name, not through a link; nil where nothing is.
func statAt(directory int, name string) (*unix.Stat_t, error) {
	var status unix.Stat_t
	err := unix.Fstatat(directory, name, &status, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return &status, nil
}

// openAt opens a name, not through a link.
func openAt(directory int, name string, flags int) (handle int, err error) {
	err = durable.Repeat(func() error {
		handle, err = unix.Openat(directory, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return handle, nil
}

// explain gives an error of the system its code. That it was told to stop is no error of the system.
func explain(err error, format string, arguments ...any) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return durable.Explain(err, format, arguments...)
}
