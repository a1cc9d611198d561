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
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// sharedName is the file in the frame's folder that lists the files shared with the running release.
const sharedName = "linked"

// Do verifies, extracts into the staging folder, waits until all is on the disk, and gives the release its name.
func (unpack) Do(ctx context.Context, run *step.Run, arguments unpackArguments, memo unpackMemo) (unpackOutputs, error) {
	if err := ctx.Err(); err != nil {
		return unpackOutputs{}, err
	}
	into, err := absolute(arguments.Into)
	if err != nil {
		return unpackOutputs{}, err
	}
	opened, err := bundle.Open(string(arguments.Package))
	if err != nil {
		return unpackOutputs{}, err
	}
	defer opened.Close()
	verified, err := verify(ctx, run, arguments, opened)
	if err != nil {
		return unpackOutputs{}, err
	}
	staging := filepath.Join(into, memo.Staging)
	made, err := fillStaging(ctx, run, arguments, memo, verified, staging)
	if err != nil {
		return unpackOutputs{}, err
	}
	if err := ctx.Err(); err != nil {
		return unpackOutputs{}, err
	}
	name, err := giveName(run.Folder, staging, made.top)
	if err != nil {
		return unpackOutputs{}, err
	}
	return unpackOutputs{
		Path: value.Path(filepath.Join(into, name)), Name: name,
		Files: made.files, Linked: made.linked, Bytes: value.SizeOf(made.bytes),
		Signer: verified.Signer.Fingerprint,
	}, nil
}

// Sync has nothing left to do: content and name were made durable in their order by Do.
func (unpack) Sync(context.Context, *step.Run, unpackArguments, unpackMemo) error { return nil }

// verify is the first pass.
func verify(ctx context.Context, run *step.Run, arguments unpackArguments, opened *bundle.Package) (*bundle.Verified, error) {
	task := run.Log.Begin("task", "Verify the signature of "+filepath.Base(string(arguments.Package)), run.Step)
	verified, err := opened.Verify(ctx, bundle.Policy{
		Keyring: string(arguments.Keyring), SignedBy: arguments.SignedBy,
		DecryptKey: string(arguments.DecryptKey), Passphrase: arguments.Passphrase, Signature: string(arguments.Signature),
	}, func(current, total int64) { task.Progress(current, total, "bytes") })
	if err != nil {
		task.Fail(err)
		return nil, err
	}
	task.Done("signed by " + verified.Signer.Fingerprint)
	return verified, nil
}

// fillStaging is the second pass, into the staging folder. When it returns, all of it is on the disk.
func fillStaging(ctx context.Context, run *step.Run, arguments unpackArguments, memo unpackMemo, verified *bundle.Verified, staging string) (summary, error) {
	task := run.Log.Begin("task", "Extract into "+filepath.Dir(staging), run.Step)
	made, err := unpackInto(ctx, run, task, arguments, memo, verified, staging)
	if err == nil {
		err = durable.SyncFileSystems(staging)
	}
	if err != nil {
		task.Fail(err)
		return made, err
	}
	task.Done(fmt.Sprintf("%.1f MiB in %d files, %d of them linked", float64(made.bytes)/(1<<20), made.files, made.linked))
	return made, nil
}

func unpackInto(ctx context.Context, run *step.Run, task *tasklog.Task, arguments unpackArguments, memo unpackMemo, verified *bundle.Verified, staging string) (summary, error) {
	copies, err := parsePatterns(arguments.Copy)
	if err != nil {
		return summary{}, err
	}
	if into := filepath.Dir(staging); memo.Created {
		if err := os.Mkdir(into, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return summary{}, explain(err, "cannot make the folder %s", into)
		}
	}
	wanted := options{
		copies: copies, anyLinks: arguments.Links == "any", limit: limitOf(arguments, verified.Size()), beside: -1,
		here: progress(task, verified),
	}
	if wanted.beside, err = openBeside(task, memo, filepath.Dir(staging)); err != nil {
		return summary{}, err
	}
	if wanted.beside >= 0 {
		defer unix.Close(wanted.beside)
	}
	made, found, err := stream(ctx, run, verified, staging, wanted)
	if errors.Is(err, errLateCopies) {
		task.Info(fmt.Sprintf("begin again: %s came after files that were linked already", copyList))
		if err := durable.RemoveAll(staging); err != nil {
			return made, err
		}
		wanted.copies = found
		made, _, err = stream(ctx, run, verified, staging, wanted)
	}
	return made, err
}

// stream runs the second pass once.
func stream(ctx context.Context, run *step.Run, verified *bundle.Verified, staging string, wanted options) (made summary, found patterns, err error) {
	if err := os.Mkdir(staging, 0o700); err != nil {
		return summary{}, nil, explain(err, "cannot make a folder in %s", filepath.Dir(staging))
	}
	if wanted.beside >= 0 {
		if wanted.shares, err = newSharedList(filepath.Join(run.Folder, sharedName)); err != nil {
			return summary{}, nil, err
		}
		defer wanted.shares.close()
	}
	content, err := verified.Content(ctx)
	if err != nil {
		return summary{}, nil, err
	}
	defer content.Close()
	plain, _, err := bundle.Decompress(content)
	if err != nil {
		return summary{}, nil, err
	}
	defer plain.Close()
	if made, found, err = extract(ctx, plain, staging, wanted); err != nil {
		return made, found, err
	}
	if wanted.shares != nil {
		err = wanted.shares.finish()
	}
	return made, nil, err
}

// openBeside opens the running release, where files can be linked from it: on the same file system. -1 is none.
func openBeside(task *tasklog.Task, memo unpackMemo, into string) (int, error) {
	if memo.Beside == "" {
		return -1, nil
	}
	handle, err := openat(unix.AT_FDCWD, memo.Beside, unix.O_PATH|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, nil
	}
	if err != nil {
		return -1, explain(err, "cannot open the running release %s", memo.Beside)
	}
	var here, there unix.Stat_t
	err = errors.Join(unix.Fstat(handle, &there), unix.Stat(into, &here))
	if err == nil && here.Dev == there.Dev {
		return handle, nil
	}
	_ = unix.Close(handle)
	if err != nil {
		return -1, explain(err, "cannot compare the file systems of %s and %s", into, memo.Beside)
	}
	task.Info(fmt.Sprintf("%s lies on another file system: all files are copied", memo.Beside))
	return -1, nil
}

// limitOf is the most bytes that a package of that size may unpack to.
func limitOf(arguments unpackArguments, size int64) int64 {
	if arguments.MaxSize != nil {
		return arguments.MaxSize.Bytes()
	}
	return max(smallestLimit, expansion*size)
}

// progress tells how far the second pass is, not more often than a person could care for.
func progress(task *tasklog.Task, verified *bundle.Verified) func() {
	const grain = 256 << 10
	last := int64(-grain)
	return func() {
		if at := verified.Position(); at-last >= grain {
			last = at
			task.Progress(at, verified.Size(), "bytes")
		}
	}
}

// giveName renames the staging folder to the first free name. Its identity is written down durably before, so that an undo
// in another process knows the release under whatever name it has got.
func giveName(frame, staging, top string) (string, error) {
	const attempts = 10_000
	for number := range attempts {
		name := top
		if number > 0 {
			name = fmt.Sprintf("%s-%d", top, number)
		}
		final := filepath.Join(filepath.Dir(staging), name)
		if _, err := os.Lstat(final); err == nil {
			continue
		}
		if err := noteIdentity(frame, staging, name); err != nil {
			return "", err
		}
		err := durable.RenameNoReplace(staging, final)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	return "", fault.New(fault.Failed, "release-names-taken", "%s and the names %s-1 to %s-%d are all taken", top, top, top, attempts-1).
		WithHint("remove releases that are no longer needed")
}
