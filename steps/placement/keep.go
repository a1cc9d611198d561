package placement

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/duplicate"
)

// tellSplit warns of an old file that lost its other names when it was kept. Overlayfs without an index
// copies a file of a lower layer when it gets a further name.
func tellSplit(run *step.Run, open places, old fs.FileInfo) error {
	before, known := old.Sys().(*syscall.Stat_t)
	if !known || before.Nlink < 2 {
		return nil
	}
	kept, err := open.kept.Dir.Stat(open.kept.Name)
	if err == nil && uint64(kept.Nlink) <= uint64(before.Nlink) { // the widths differ between machines
		run.Log.Warn(open.now.Path + " had several names: the file system made the old one a file of its own, and no undo links it again")
	}
	return err
}

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
