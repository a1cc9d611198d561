package placement

import (
	"context"
	"errors"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/duplicate"
)

// keep gives the old file a second, hidden name, so that its inode outlives what takes its place. On a file
// system without hard links (vfat) it is copied with mode, owner and times; a symbolic link is made again.
// The caller makes it durable.
func keep(run *step.Run, open places) error {
	err := open.now.Dir.Link(open.now.Name, open.kept.Dir, open.kept.Name)
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.EMLINK) {
		return err
	}
	// While there is a part of the copy, the new file has its hidden name: from that undo knows that the path
	// is untouched.
	if err := durable.SyncFileSystemsAt([]*openat.Dir{open.fresh.Dir}, run.Directory); err != nil {
		return err
	}
	return duplicate.Entry(context.Background(), open.now.Dir, open.now.Name, open.kept.Dir, open.kept.Name, duplicate.AsItIs(), nil, nil)
}
