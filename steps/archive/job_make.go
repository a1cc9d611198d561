package archive

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/holdings"
)

// sharedName is the file in the frame's directory that lists the files shared with the running release.
const sharedName = "linked"

// make extracts the archive into the staging directory and gives it its name, once all of it is on the disk.
func (j job) make(ctx context.Context, run *step.Run, m memo, source source) (unpacked, error) {
	if m.Created {
		if err := j.makeInto(run); err != nil {
			return unpacked{}, explain(err, "cannot make the directory %s", j.directory)
		}
	}
	dir, err := j.into(run, m)
	if err != nil {
		return unpacked{}, explain(err, "cannot open the target directory %s", j.directory)
	}
	defer dir.Close()
	filled, err := j.fillStaging(ctx, run, m, source, dir)
	if err != nil {
		return unpacked{}, err
	}
	if err := made.RecordIn(ctx, run, dir, m.Staging); err != nil {
		return unpacked{}, err
	}
	if err := ctx.Err(); err != nil {
		return unpacked{}, err
	}
	name := j.name
	switch {
	case name == "":
		name, err = giveName(run, dir, m.Staging, filled.top, m.Order)
	case m.Empty != nil:
		err = exchange(run, dir, m.Staging, name, *m.Empty, m.Order)
	default:
		err = giveFixedName(run, dir, m.Staging, name, m.Order)
	}
	return unpacked{summary: filled, path: filepath.Join(j.directory, name)}, err
}

// fillStaging is the second pass, into the staging directory.
func (j job) fillStaging(ctx context.Context, run *step.Run, m memo, source source, dir *openat.Dir) (summary, error) {
	task := run.Log.Begin("task", "Extract into "+j.directory)
	filled, err := j.fill(ctx, run, task, m, source, dir)
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

func (j job) fill(ctx context.Context, run *step.Run, task *tasklog.Task, m memo, source source, dir *openat.Dir) (summary, error) {
	copies, selected, err := j.patterns()
	if err != nil {
		return summary{}, err
	}
	wanted := options{
		selection: selected, oneTop: j.name == "", copies: copies, anyLinks: j.links == "any",
		limit: limitOf(j.maxSize, source.Size()), beside: -1, here: progress(task, source),
	}
	beside, err := openBeside(task, m, dir)
	if err != nil {
		return summary{}, err
	}
	defer beside.Close()
	if beside != nil {
		wanted.beside = beside.Descriptor()
	}
	filled, found, err := j.stream(ctx, run, m, source, dir, wanted)
	if errors.Is(err, errLateCopies) {
		task.Info(fmt.Sprintf("begin again: %s came after files that were linked already", copyList))
		if err := durable.DiscardKnown(dir, m.Staging, isStaged(run)); err != nil {
			return filled, err
		}
		wanted.copies = found
		filled, _, err = j.stream(ctx, run, m, source, dir, wanted)
	}
	return filled, err
}

// stream runs the second pass once.
func (j job) stream(ctx context.Context, run *step.Run, m memo, source source, dir *openat.Dir, wanted options) (filled summary, found patterns, err error) {
	staging, err := makeStaging(run, dir, m.Staging)
	if err != nil {
		return summary{}, nil, err
	}
	defer staging.Close()
	if wanted.beside >= 0 {
		if wanted.shares, err = newSharedList(filepath.Join(run.Directory, sharedName)); err != nil {
			return summary{}, nil, err
		}
		defer wanted.shares.close()
	}
	wanted.sums = made.CreateSums(run.Directory)
	defer wanted.sums.Close()
	byIndex, _ := source.(*indexed)
	if byIndex != nil {
		wanted.checks = newChecks(byIndex.Count())
		held, done := j.heldBy(m, wanted.beside)
		defer done()
		wanted.held = held
	}
	archive, done, err := source.open(ctx, wanted)
	if err != nil {
		return summary{}, nil, err
	}
	defer done()
	if filled, found, err = extractTree(ctx, archive, int(staging.Fd()), dir.Path(), wanted); err != nil {
		return filled, found, err
	}
	if wanted.shares != nil {
		err = wanted.shares.finish()
	}
	if err == nil {
		err = wanted.sums.Close()
	}
	if err == nil && byIndex != nil && j.strip == 0 {
		err = j.recordHoldings(ctx, m, byIndex, int(staging.Fd()), wanted.checks)
	}
	return filled, nil, err
}

// heldBy opens the record of what the running release holds; nil where there is none, or where the recipe
// wants each file to be read.
func (j job) heldBy(m memo, beside int) (*holdings.Reader, func()) {
	if beside < 0 || j.verifyBase == verifyContent || j.strip > 0 {
		return nil, func() {}
	}
	above, err := openat.Open(filepath.Dir(m.Beside))
	if err != nil {
		return nil, func() {}
	}
	defer above.Close()
	return holdings.Find(above, beside)
}

// openBeside opens the running release, where files can be linked from it: on the same file system. nil is
// none.
func openBeside(task *tasklog.Task, m memo, into *openat.Dir) (*openat.Dir, error) {
	if m.Beside == "" {
		return nil, nil
	}
	beside, err := openat.Open(m.Beside)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, "cannot open the running release %s", m.Beside)
	}
	var here, there unix.Stat_t
	err = errors.Join(unix.Fstat(beside.Descriptor(), &there), unix.Fstat(into.Descriptor(), &here))
	if err == nil && here.Dev == there.Dev {
		return beside, nil
	}
	beside.Close()
	if err != nil {
		return nil, explain(err, "cannot compare the file systems of %s and %s", into.Path(), m.Beside)
	}
	task.Info(fmt.Sprintf("%s lies on another file system: all files are copied", m.Beside))
	return nil, nil
}

// limitOf is the most bytes that an archive of that size may unpack to.
func limitOf(given *value.Size, size int64) int64 {
	if given != nil {
		return given.Bytes()
	}
	return max(smallestLimit, expansion*size)
}

// progress tells how far the second pass is, not more often than a person could care for.
func progress(task *tasklog.Task, source source) func() {
	const grain = 256 << 10
	last := int64(-grain)
	return func() {
		if at := source.Position(); at-last >= grain {
			last = at
			task.Progress(at, source.Size(), "bytes")
		}
	}
}
