package durable

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// Explain turns an error of the file system into a fault; nil stays nil, and a fault stays itself. The errors that a
// person can cure have codes of their own; the cause stays, so errors.Is(err, fs.ErrExist) and its like go on working.
func Explain(err error, format string, arguments ...any) error {
	if err == nil || fault.As(err) != nil {
		return err
	}
	explained := func(class fault.Class, code string) *fault.Fault {
		return fault.New(class, code, format, arguments...).WithCause(err)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return explained(fault.Failed, "disk-full").WithHint("free some space on that file system, then run again")
	case errors.Is(err, syscall.EDQUOT):
		return explained(fault.Failed, "quota-exceeded").WithHint("free some of this user's files there, or raise the quota")
	case errors.Is(err, syscall.EROFS):
		return explained(fault.Failed, "read-only-file-system").WithHint("mount it writable, or choose another place")
	case errors.Is(err, fs.ErrPermission):
		return explained(fault.Failed, "permission-denied").WithHint("run gwe as a user who may write there; lsattr shows what is immutable")
	case errors.Is(err, fs.ErrExist):
		return explained(fault.Failed, "already-exists")
	case errors.Is(err, fs.ErrNotExist):
		return explained(fault.Failed, "not-found")
	case errors.Is(err, syscall.ENOTDIR):
		return explained(fault.Failed, "not-a-folder").WithHint("something else stands where the path wants a folder: namei -l tells where")
	case errors.Is(err, syscall.EIO):
		return explained(fault.Errored, "io-error").WithHint("the storage may be failing: see the kernel's log")
	default:
		return explained(fault.Errored, "file-system")
	}
}
