package durable

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// Explain turns an error of the file system into a fault; nil stays nil, and a fault stays itself. The errors
// that a person can cure have codes of their own; the cause stays, so errors.Is(err, fs.ErrExist) and its
// like continue working.
func Explain(err error, format string, arguments ...any) error {
	if err == nil || fault.As(err) != nil {
		return err
	}
	for _, known := range []struct {
		is         error
		class      fault.Class
		code, hint string
	}{
		{syscall.ENOSPC, fault.Failed, "disk-full", "free some space on that file system, then run again"},
		{syscall.EDQUOT, fault.Failed, "quota-exceeded", "free some of this user's files there, or raise the quota"},
		{syscall.EFBIG, fault.Failed, "file-too-large", "raise the limit on the size of files (ulimit -f, or LimitFSIZE= in the unit); FAT has no files of 4 GiB"},
		{syscall.EROFS, fault.Failed, "read-only-file-system", "mount it writable, or choose another place"},
		{syscall.EPERM, fault.Failed, "permission-denied", "run gwe as root; where it is root, the file is immutable (lsattr shows it), or its file system has no owners, modes or links, as FAT"},
		{syscall.EOPNOTSUPP, fault.Failed, "not-supported", "the file system has nothing of the kind, as FAT has no links: choose a place on another one"},
		{fs.ErrPermission, fault.Failed, "permission-denied", "run gwe as a user who may write there; lsattr shows what is immutable"},
		{fs.ErrExist, fault.Failed, "already-exists", ""},
		{fs.ErrNotExist, fault.Failed, "not-found", ""},
		{syscall.ENOTDIR, fault.Failed, "not-a-directory", "something else stands where the path wants a directory: namei -l tells where"},
		{syscall.EXDEV, fault.Failed, "other-file-system", "a rename stays within one file system; on overlayfs no directory of a lower layer can be renamed, " +
			"unless it is mounted with redirect_dir=on: copy the directory within the upper layer first, or use a place that is not an overlay"},
		{syscall.EBUSY, fault.Failed, "in-use", "something is mounted there or below it (findmnt shows what), or it is swap or a device in use: unmount it first"},
		{syscall.EIO, fault.Errored, "io-error", "the storage may be failing: see the kernel's log"},
	} {
		if errors.Is(err, known.is) {
			return fault.New(known.class, known.code, format, arguments...).WithHint("%s", known.hint).WithCause(err)
		}
	}
	return fault.New(fault.Errored, "file-system", format, arguments...).WithCause(err)
}
