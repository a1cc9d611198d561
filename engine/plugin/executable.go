package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/trust"
)

// file is a plugin's executable. It remembers its digest as long as the file is not touched.
type file struct {
	path   string
	mutex  sync.Mutex
	seen   identity
	digest string
}

// largestExecutable is the largest that a plugin is: a sparse file of any size would be read without end.
const largestExecutable = 1 << 30

// identity tells a file from another, and from itself once it was written.
type identity struct {
	device, inode    uint64
	size             int64
	changed, written syscall.Timespec
}

// sum is the SHA-256 of the executable, in hexadecimal.
func (f *file) sum() (string, error) {
	opened, err := regular.OpenForeign(context.Background(), f.path)
	if err != nil {
		return "", missing(f.path, err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return "", missing(f.path, err)
	}
	if info.Size() > largestExecutable {
		return "", missing(f.path, regular.TooLarge(f.path, largestExecutable))
	}
	now := identityOf(info)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.digest != "" && now == f.seen {
		return f.digest, nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, opened); err != nil {
		return "", fault.New(fault.Errored, "plugin-unreadable", "the plugin %s cannot be read", f.path).WithCause(err)
	}
	f.seen, f.digest = now, hex.EncodeToString(hash.Sum(nil))
	return f.digest, nil
}

func identityOf(info fs.FileInfo) identity {
	status := info.Sys().(*syscall.Stat_t)
	return identity{uint64(status.Dev), status.Ino, status.Size, status.Ctim, status.Mtim}
}

func missing(path string, cause error) error {
	if errors.Is(cause, fs.ErrNotExist) {
		return fault.New(fault.Refused, "plugin-missing", "there is no plugin %s", path).
			WithHint("install it there, or name the directory that has it with --plugin-dir")
	}
	return fault.New(fault.Refused, "plugin-missing", "the plugin %s cannot be used", path).WithCause(cause)
}

// mayExecute is nil where this user may execute the file.
func mayExecute(path string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return fault.New(fault.Refused, "plugin-not-executable", "the plugin %s cannot be executed", path).WithCause(err).
			WithHint("chmod +x %s; where it has that, its file system is mounted noexec", path)
	}
	return nil
}

// trusted is nil where root may run the file: no less trusted user can change it or a directory on its path.
// A user who is not root runs what that user may execute anyway.
func trusted(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return missing(path, err)
	}
	weak, err := trust.Find(path)
	if err != nil {
		return missing(path, err)
	}
	if weak == nil {
		return nil
	}
	return fault.New(fault.Refused, "plugin-unsafe", "root runs no plugin that other users can change, and %v: %s", weak, path).
		WithHint("%s", weak.Cure())
}
