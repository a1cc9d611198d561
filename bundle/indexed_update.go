package bundle

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

// Update is what installing a package beside a release would take.
type Update struct {
	// Linked are files that are the same in the release, attributes included. Written are all others, and
	// WrittenBytes is the sum of their lengths.
	Linked, Written int
	WrittenBytes    int64
	// Frames are those that are needed, Requests the ranges of the package in which they lie, and Fetched is
	// the length of these and of the index.
	Frames, Requests int
	Fetched          int64
}

// Holdings are what a package holds.
type Holdings struct {
	Directories, Files, Links int
	// Bytes is the sum of the files' lengths.
	Bytes int64
}

// Holds counts the entries.
func (x *Indexed) Holds() (h Holdings) {
	for e := range x.Entries() {
		switch e.Kind {
		case index.Directory:
			h.Directories++
		case index.File:
			h.Files++
			h.Bytes += e.Size
		default:
			h.Links++
		}
	}
	return h
}

// Against reads a release and tells what an update from it would take. What the release has is told by its
// content, all of which is read; extended attributes are not compared. release-unreadable is the code of
// its faults.
func (x *Indexed) Against(ctx context.Context, release string) (Update, error) {
	root, err := os.OpenRoot(release)
	if err != nil {
		return Update{}, fault.New(fault.Refused, "release-unreadable", "cannot read the release %s", release).WithCause(err).
			WithHint("name the directory of a release, or a link to one")
	}
	defer root.Close()
	update := Update{Fetched: x.Message}
	needed := make([]bool, len(x.Frames))
	for e := range x.Entries() {
		if err := ctx.Err(); err != nil {
			return update, fault.New(fault.Interrupted, "interrupted", "reading %s was interrupted", release).WithCause(context.Cause(ctx))
		}
		if e.Kind != index.File {
			continue
		}
		linked, parts, err := compareWith(root, e)
		if err != nil {
			return update, fault.New(fault.Errored, "release-unreadable", "cannot read %q of the release %s", e.Path, release).WithCause(err).
				WithHint("read it as a user who may")
		}
		if linked {
			update.Linked++
			continue
		}
		update.Written++
		update.WrittenBytes += e.Size
		first, end := x.Holding(e.At, e.Size)
		for i := first; i < end && parts != nil; i++ {
			one := x.Frames[i]
			needed[i] = needed[i] || !(one.At >= e.At && one.At+one.Size <= e.At+e.Size && parts[one.Sum])
		}
	}
	for _, is := range needed {
		if is {
			update.Frames++
		}
	}
	for _, one := range x.Ranges(needed) {
		update.Requests++
		update.Fetched += one.Length
	}
	return update, nil
}

// compareWith compares a file with the release's. parts are the digests of the release's parts; they are
// nil if its content is the same.
func compareWith(root *os.Root, e index.Entry) (linked bool, parts map[index.Digest]bool, err error) {
	none := map[index.Digest]bool{}
	info, err := root.Lstat(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), err == nil && !info.Mode().IsRegular():
		return false, none, nil
	case err != nil && info == nil && isEscape(err):
		return false, none, nil
	case err != nil:
		return false, nil, err
	}
	if info.Size() != e.Size && e.Size < partedFile {
		return false, none, nil
	}
	file, err := root.OpenFile(e.Path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return false, nil, err
	}
	defer file.Close()
	whole, parts, err := partsOf(file)
	if err != nil {
		return false, nil, err
	}
	if whole != e.Sum {
		return false, parts, nil
	}
	return sameAttributes(info, e), nil, nil
}

// isEscape reports whether a path leads through a symbolic link out of the release.
func isEscape(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && path.Err.Error() == "path escapes from parent"
}

func sameAttributes(info fs.FileInfo, e index.Entry) bool {
	status := info.Sys().(*syscall.Stat_t)
	return status.Mode&0o7777 == e.Mode && info.ModTime().Equal(e.Modified()) &&
		(os.Geteuid() != 0 || status.Uid == e.UID && status.Gid == e.GID)
}

// partsOf cuts a file as gwe pack does, and returns its digest and those of its parts.
func partsOf(content io.Reader) (whole index.Digest, parts map[index.Digest]bool, err error) {
	parts = map[index.Digest]bool{}
	cutter, all, part := index.NewCutter(), sha256.New(), sha256.New()
	reader := bufio.NewReaderSize(content, blockSize)
	for {
		block, err := reader.Peek(blockSize)
		if len(block) == 0 {
			if errors.Is(err, io.EOF) {
				break
			}
			return whole, nil, err
		}
		taken, ends := cutter.Next(block)
		all.Write(block[:taken])
		part.Write(block[:taken])
		if ends {
			parts[index.Digest(part.Sum(nil))] = true
			part.Reset()
		}
		if _, err := reader.Discard(taken); err != nil {
			return whole, nil, err
		}
	}
	parts[index.Digest(part.Sum(nil))] = true
	return index.Digest(all.Sum(nil)), parts, nil
}
