package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
)

// keep gives a file a second, hidden name, so that its inode outlives what takes its place. On a file system without
// hard links (vfat) it is copied with mode, owner and times; a symbolic link is made again.
func keep(path, hidden string) error {
	err := os.Link(path, hidden)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EMLINK) {
		err = copyKept(path, hidden)
	}
	if err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(hidden))
}

// copyKept is keep without hard links.
func copyKept(path, hidden string) error {
	if err := duplicate(context.Background(), path, hidden, asItIs, nil); err != nil {
		return err
	}
	info, err := os.Lstat(hidden)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return durable.SyncFile(hidden)
}
