package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// sharedName is the file in the frame's folder that lists the files shared with the running release.
const sharedName = "linked"

// make extracts the archive into the staging folder and gives it its name, once all of it is on the disk.
func (j job) make(ctx context.Context, run *step.Run, m memo, source *bundle.Pinned) (unpacked, error) {
	staging := filepath.Join(j.folder, m.Staging)
	filled, err := j.fillStaging(ctx, run, m, source, staging)
	if err != nil {
		return unpacked{}, err
	}
	if err := made.Record(ctx, run, staging); err != nil {
		return unpacked{}, err
	}
	if err := ctx.Err(); err != nil {
		return unpacked{}, err
	}
	name := j.name
	switch {
	case name == "":
		name, err = giveName(run.Folder, staging, filled.top, m.Order)
	case m.Empty != nil:
		err = exchange(run.Folder, staging, name, *m.Empty, m.Order)
	default:
		err = giveFixedName(run.Folder, staging, name, m.Order)
	}
	return unpacked{summary: filled, path: filepath.Join(j.folder, name)}, err
}

// fillStaging is the second pass, into the staging folder.
func (j job) fillStaging(ctx context.Context, run *step.Run, m memo, source *bundle.Pinned, staging string) (summary, error) {
	task := run.Log.Begin("task", "Extract into "+j.folder)
	filled, err := j.fill(ctx, run, task, m, source, staging)
	if err != nil {
		task.Fail(err)
		return filled, err
	}
	for _, one := range filled.left {
		task.Warn(one.text())
	}
	task.Done(fmt.Sprintf("%.1f MiB in %d files, %d of them linked", float64(filled.bytes)/(1<<20), filled.files, filled.linked))
	return filled, nil
}

func (j job) fill(ctx context.Context, run *step.Run, task *tasklog.Task, m memo, source *bundle.Pinned, staging string) (summary, error) {
	copies, selected, err := j.patterns()
	if err != nil {
		return summary{}, err
	}
	if m.Created {
		if err := makeFolder(j.folder); err != nil {
			return summary{}, explain(err, "cannot make the directory %s", j.folder)
		}
	}
	wanted := options{
		selection: selected, oneTop: j.name == "", copies: copies, anyLinks: j.links == "any",
		limit: limitOf(j.maxSize, source.Size()), beside: -1, here: progress(task, source),
	}
	if wanted.beside, err = openBeside(task, m, j.folder); err != nil {
		return summary{}, err
	}
	if wanted.beside >= 0 {
		defer unix.Close(wanted.beside)
	}
	filled, found, err := stream(ctx, run, source, staging, wanted)
	if errors.Is(err, errLateCopies) {
		task.Info(fmt.Sprintf("begin again: %s came after files that were linked already", copyList))
		if err := durable.RemoveAll(staging); err != nil {
			return filled, err
		}
		wanted.copies = found
		filled, _, err = stream(ctx, run, source, staging, wanted)
	}
	return filled, err
}

// makeFolder makes the directory that holds the releases, with the mode 0755 whatever the umask; the setgid bit of the one above
// goes down to it. One that is there already stays as it is.
func makeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	var status unix.Stat_t
	if err := unix.Lstat(path, &status); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := durable.Repeat(func() error { return unix.Chmod(path, 0o755|status.Mode&unix.S_ISGID) }); err != nil {
		return &os.PathError{Op: "chmod", Path: path, Err: err}
	}
	return nil
}

// stream runs the second pass once.
func stream(ctx context.Context, run *step.Run, source *bundle.Pinned, staging string, wanted options) (filled summary, found patterns, err error) {
	if err := os.Mkdir(staging, 0o700); err != nil {
		return summary{}, nil, explain(err, "cannot make a folder in %s", filepath.Dir(staging))
	}
	if wanted.beside >= 0 {
		if wanted.shares, err = newSharedList(filepath.Join(run.Folder, sharedName)); err != nil {
			return summary{}, nil, err
		}
		defer wanted.shares.close()
	}
	if wanted.sums, err = made.CreateSums(run.Folder); err != nil {
		return summary{}, nil, err
	}
	defer wanted.sums.Close()
	archive, done, err := open(ctx, source, wanted)
	if err != nil {
		return summary{}, nil, err
	}
	defer done()
	if filled, found, err = extractFrom(ctx, archive, staging, wanted); err != nil {
		return filled, found, err
	}
	if wanted.shares != nil {
		err = wanted.shares.finish()
	}
	if err == nil {
		err = wanted.sums.Close()
	}
	return filled, nil, err
}

// open tells by the first bytes what the archive is. A package is a tar, and no zip: its one folder comes first.
func open(ctx context.Context, source *bundle.Pinned, wanted options) (archive entries, done func(), err error) {
	isZip, err := source.IsZip()
	if err != nil {
		return nil, nil, err
	}
	if isZip {
		random, err := source.Random(ctx)
		if err != nil {
			return nil, nil, err
		}
		archive, err := entriesOfZip(random, source.Size())
		return archive, func() {}, err
	}
	content, err := source.Content(ctx)
	if err != nil {
		return nil, nil, err
	}
	plain, _, err := bundle.Decompress(content)
	if err != nil {
		_ = content.Close()
		return nil, nil, source.Diagnose(err)
	}
	return entriesOfTar(plain, wanted.limit), func() { _, _ = plain.Close(), content.Close() }, nil
}

// openBeside opens the running release, where files can be linked from it: on the same file system. -1 is none.
func openBeside(task *tasklog.Task, m memo, into string) (int, error) {
	if m.Beside == "" {
		return -1, nil
	}
	handle, err := openat(unix.AT_FDCWD, m.Beside, unix.O_PATH|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, nil
	}
	if err != nil {
		return -1, explain(err, "cannot open the running release %s", m.Beside)
	}
	var here, there unix.Stat_t
	err = errors.Join(unix.Fstat(handle, &there), unix.Stat(into, &here))
	if err == nil && here.Dev == there.Dev {
		return handle, nil
	}
	_ = unix.Close(handle)
	if err != nil {
		return -1, explain(err, "cannot compare the file systems of %s and %s", into, m.Beside)
	}
	task.Info(fmt.Sprintf("%s lies on another file system: all files are copied", m.Beside))
	return -1, nil
}

// limitOf is the most bytes that an archive of that size may unpack to.
func limitOf(given *value.Size, size int64) int64 {
	if given != nil {
		return given.Bytes()
	}
	return max(smallestLimit, expansion*size)
}

// progress tells how far the second pass is, not more often than a person could care for.
func progress(task *tasklog.Task, source *bundle.Pinned) func() {
	const grain = 256 << 10
	last := int64(-grain)
	return func() {
		if at := source.Position(); at-last >= grain {
			last = at
			task.Progress(at, source.Size(), "bytes")
		}
	}
}
