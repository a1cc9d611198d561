package file

import (
	"context"
	"errors"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// keep gives the old file a second, hidden name, so that its inode outlives what takes its place. On a file system without
// hard links (vfat) it is copied with mode, owner and times; a symbolic link is made again. The caller makes it durable.
func keep(run *step.Run, open places) error {
	err := open.now.dir.Link(open.now.name, open.kept.dir, open.kept.name)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EMLINK) {
		return err
	}
	// While there is a part of the copy, the new file has its hidden name: from that undo knows that the path is untouched.
	if err := durable.SyncFileSystemsAt([]*openat.Dir{open.fresh.dir}, run.Folder); err != nil {
		return err
	}
	return duplicateAt(context.Background(), open.now, open.kept, asItIs, nil, nil)
}
