package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// file is a plugin's executable. It remembers its digest as long as the file is not touched.
type file struct {
	path   string
	mutex  sync.Mutex
	seen   identity
	digest string
}

// identity tells a file from another, and from itself once it was written.
type identity struct {
	device, inode    uint64
	size             int64
	changed, written syscall.Timespec
}

// sum is the SHA-256 of the executable, in hexadecimal.
func (f *file) sum() (string, error) {
	opened, err := os.OpenFile(f.path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would keep it waiting
	if err != nil {
		return "", missing(f.path, err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return "", missing(f.path, err)
	}
	if !info.Mode().IsRegular() {
		return "", missing(f.path, errors.New("it is no regular file"))
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
			WithHint("install it there, or name the folder that has it with --plugin-dir")
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

// trusted is nil where root may run the file: it and every folder above it, links followed, are root's, and nobody else
// may write them. Who is not root runs what it may execute anyway.
func trusted(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	links := 0
	rest := strings.Split(strings.TrimPrefix(path, "/"), "/")
	at := "/"
	if err := ownedByRoot(at); err != nil {
		return err
	}
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return missing(path, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := ownedByRoot(next); err != nil {
				return err
			}
			at = next
			continue
		}
		if links++; links > 40 {
			return missing(path, syscall.ELOOP)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return missing(path, err)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(at, target)
		}
		at, rest = "/", append(strings.Split(strings.TrimPrefix(filepath.Clean(target), "/"), "/"), rest...)
	}
	return nil
}

// ownedByRoot refuses what somebody else than root could replace. In a folder with the sticky bit, as /tmp, nobody can
// replace what is root's.
func ownedByRoot(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return missing(path, err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	open := info.Mode().Perm()&0o022 != 0 && !(info.IsDir() && info.Mode()&fs.ModeSticky != 0)
	if owner == 0 && !open {
		return nil
	}
	return fault.New(fault.Refused, "plugin-unsafe", "root runs no plugin that others may replace, and %s is of user %d with mode %04o", path, owner, info.Mode().Perm()).
		WithHint("chown root %s && chmod go-w %s", path, path)
}
