package fetch

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
)

// File is a complete download, open and locked. Its content has the digests that were asked for.
type File struct {
	partial *partial
	moved   bool
	// Size is its length in bytes, and SHA256 its digest in hex digits.
	Size   int64
	SHA256 string
}

// Close lets go of the file. Where it was not moved it stays, and the next Download finds it.
func (f *File) Close() { f.partial.Close() }

// Path is where it lies until Move or Discard.
func (f *File) Path() string { return f.partial.path + partialSuffix }

// Discard removes it: the next Download begins anew. Close it nevertheless.
func (f *File) Discard() error { return f.partial.discard() }

// Movable reports whether Move needs no space in a directory: it lies on the same file system.
func (f *File) Movable(to *openat.Dir) bool {
	info, err := f.partial.file.Stat()
	device, otherErr := to.Device()
	if err != nil || otherErr != nil {
		return false
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(status.Dev) == device //nolint:unconvert // of another width on some processors
}

// Move makes it the new file of that name in a directory, mode 0600. On another file system it is copied, and
// the copy compared with the digest. The caller makes it durable. errors.Is(err, fs.ErrExist) where something
// has the name.
func (f *File) Move(ctx context.Context, to *openat.Dir, name string, progress func(done, total int64)) error {
	directory, err := openat.Open(filepath.Dir(f.partial.path))
	if err != nil {
		return durable.Explain(err, "cannot open the directory of the download %s", f.partial.path)
	}
	defer directory.Close()
	err = directory.RenameNoReplace(filepath.Base(f.partial.path)+partialSuffix, to, name)
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EINVAL) {
		if err = f.copy(ctx, to, name, progress); err != nil {
			return err
		}
	}
	if err != nil {
		return durable.Explain(err, "cannot move the download to %s", to.Join(name))
	}
	f.moved = true
	return f.partial.discard()
}

// Moved reports whether Move has given the file away.
func (f *File) Moved() bool { return f.moved }

func (f *File) copy(ctx context.Context, to *openat.Dir, name string, progress func(done, total int64)) error {
	target, err := to.Create(name, 0o600)
	if err != nil {
		return durable.Explain(err, "cannot write %s", to.Join(name))
	}
	sums, done, buffer := newSums(f.partial.sums.want), int64(0), make([]byte, 256<<10)
	for err == nil {
		var n int
		n, err = f.partial.file.ReadAt(buffer, done)
		if _, writeErr := target.Write(buffer[:n]); writeErr != nil {
			err = writeErr
		}
		_, _ = sums.Write(buffer[:n])
		done += int64(n)
		progress(done, f.Size)
		if ended := ctx.Err(); ended != nil {
			err = ended
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, target.Close()); err != nil {
		return discarded(to, name, err)
	}
	if sums.digest() != f.SHA256 {
		return discarded(to, name, fault.New(fault.Errored, "download-copy-wrong", "cannot copy the download to %s: the copy has another digest", to.Join(name)).
			WithHint("the storage may be failing: see the kernel's log"))
	}
	return nil
}

// discarded removes what was begun of a copy.
func discarded(to *openat.Dir, name string, err error) error {
	if removed := to.Remove(name); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return durable.Explain(err, "cannot write %s", to.Join(name))
}
