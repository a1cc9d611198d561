package step

import (
	"io/fs"
	"math/bits"

	"golang.org/x/sys/unix"
)

// SpaceUnknown is the free space, in bytes, of a file system that reports no size: ramfs, tmpfs without a
// limit, some FUSE file systems. df shows a dash for it. It is more than any file system has, so whatever is
// wanted fits.
const SpaceUnknown int64 = 1 << 62

// Space returns the bytes that this user may still write on the path's file system, or SpaceUnknown.
func (Local) Space(path string) (int64, error) {
	var status unix.Statfs_t
	if err := unix.Statfs(path, &status); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return spaceOf(&status), nil
}

// spaceOf counts as df does: in fragments, where the file system has them.
func spaceOf(status *unix.Statfs_t) int64 {
	if status.Blocks == 0 {
		return SpaceUnknown
	}
	size := uint64(status.Frsize)
	if size == 0 {
		size = uint64(status.Bsize)
	}
	high, low := bits.Mul64(uint64(status.Bavail), size)
	if high != 0 || low >= uint64(SpaceUnknown) {
		return SpaceUnknown - 1
	}
	return int64(low)
}
