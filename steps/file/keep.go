package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/step"
)

// keep gives the old file a second, hidden name, so that its inode outlives what takes its place. On a file system without
// hard links (vfat) it is copied with mode, owner and times; a symbolic link is made again. The caller makes it durable.
func (p placement) keep(run *step.Run) error {
	err := os.Link(p.Path, p.Old)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EMLINK) {
		return err
	}
	// While there is a part of the copy, the new file has its hidden name: from that undo knows that the path is untouched.
	if err := durable.SyncFileSystems(filepath.Dir(p.New), run.Folder); err != nil {
		return err
	}
	return duplicate(context.Background(), p.Path, p.Old, asItIs, nil)
}
