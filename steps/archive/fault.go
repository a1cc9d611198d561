package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// explain turns an error of the file system into a fault. nil stays nil, and what is a fault already, or a
// cancellation, stays what it is.
func explain(err error, format string, arguments ...any) error {
	if err == nil || fault.As(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	what := fmt.Sprintf(format, arguments...)
	var path *fs.PathError
	if errors.As(err, &path) && strings.HasPrefix(path.Op, "setxattr ") && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)) {
		return fault.New(fault.Failed, "extended-attributes-unsupported", "%s", what).WithCause(err).
			WithHint("run gwe with the capabilities that the attribute needs (CAP_SETFCAP, CAP_SYS_ADMIN): a container often lacks them; or pack without: gwe pack --no-xattrs")
	}
	for _, known := range []struct {
		errno      unix.Errno
		code, hint string
	}{
		{unix.ENOSPC, "disk-full", "free space, or inodes, on that file system (df, df -i), then run again"},
		{unix.EDQUOT, "quota-exceeded", "free some of this user's files there, or raise the quota"},
		{unix.EROFS, "read-only-file-system", "mount it writable, or choose another directory"},
		{unix.EACCES, "permission-denied", "run gwe as a user who may write there"},
		{unix.ENOTSUP, "extended-attributes-unsupported", "extract to a file system that has extended attributes, or pack without them: gwe pack --no-xattrs"},
		{unix.EPERM, "permission-denied", "run gwe as a user who may write there; `lsattr -d` shows an immutable directory"},
	} {
		if errors.Is(err, known.errno) {
			return fault.New(fault.Failed, known.code, "%s", what).WithHint("%s", known.hint).WithCause(err)
		}
	}
	return fault.New(fault.Errored, "file-system", "%s", what).WithCause(err)
}

// damaged is for errors of the stream: a fault of the layers below stays what it is.
func damaged(err error) error {
	if fault.As(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.New(fault.Failed, "archive-damaged", "there is no sound archive in it").
		WithHint("fetch it again; if that does not help, pack the package again").WithCause(err)
}
