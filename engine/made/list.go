package made

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

const (
	// listName is the file in the frame's directory that holds the entries; settledName the one of the
	// commit.
	listName    = "made"
	settledName = "made-settled"
	// buffered is how much of a list is written or read at once: most lists have one entry.
	buffered = 8 << 10
)

// Record lists what is at path, and all below it. The caller makes the list durable before path gets its
// place.
func Record(ctx context.Context, run *step.Run, path string) error {
	dir, name, err := run.Dir(path)
	if err != nil {
		return explain(err, "cannot record %s", path)
	}
	defer dir.Close()
	return RecordIn(ctx, run, dir, name)
}

// RecordIn is Record for a name in an open directory.
func RecordIn(ctx context.Context, run *step.Run, dir *openat.Dir, name string) error {
	if err := run.MakeDirectory(); err != nil {
		return err
	}
	list, err := Create(run.Directory)
	if err != nil {
		return err
	}
	if err := list.record(ctx, dir, name); err != nil {
		return err
	}
	return list.Close()
}

// Writer writes a list, tree after tree.
type Writer struct{ encoder *encoder }

// Create begins a list in the frame's directory, which takes the place of an older one.
func Create(directory string) (*Writer, error) {
	if err := forget(filepath.Join(directory, settledName)); err != nil {
		return nil, explain(err, "cannot record what the step makes")
	}
	return create(filepath.Join(directory, listName)), nil
}

func create(path string) *Writer { return &Writer{newEncoder(path)} }

// forget removes a list, which need not be there.
func forget(path string) error {
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

// Tree lists what has that name in an open directory, with all below it, as the next group. Groups are read
// in the order in which they were written.
func (w *Writer) Tree(ctx context.Context, parent int, name, group string) error {
	status, err := statAt(parent, name)
	if err != nil || status == nil {
		return explain(err, "cannot record %s", name)
	}
	return explain(w.tree(ctx, parent, name, group, "", status), "cannot record %s", name)
}

func (w *Writer) tree(ctx context.Context, parent int, name, group, path string, status *unix.Stat_t) error {
	if err := w.encoder.add(entryOf(group, path, status)); err != nil {
		return err
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	handle, err := openAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.EACCES) {
		return nil // of a user's own: what is in it counts as what came later
	}
	if err != nil {
		return err
	}
	directory := os.NewFile(uintptr(handle), name)
	defer directory.Close()
	return eachName(directory, func(below string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		status, err := statAt(handle, below)
		if err != nil || status == nil {
			return err
		}
		return w.tree(ctx, handle, below, group, join(path, below), status)
	})
}

// Close ends the list. It does not make it durable.
func (w *Writer) Close() error {
	return explain(w.encoder.end(), "cannot record what the step makes")
}

func (w *Writer) drop() { w.encoder.buffer.drop() }

// reader reads a list. One that is not there, or damaged, has no entries.
type reader struct {
	// file is what stays open; nil where all of it was read.
	file    *os.File
	content io.ReaderAt
	size    int64
	decoder *decoder
	ahead   *entry
}

// open opens the newest list that is whole.
func open(directory string) *reader {
	if r := openList(filepath.Join(directory, settledName)); r != nil {
		return r
	}
	if r := openRecorded(directory); r != nil {
		return r
	}
	return &reader{}
}

// openRecorded opens the list as the step recorded it; nil where there is none, or it is damaged.
func openRecorded(directory string) *reader {
	path := filepath.Join(directory, listName)
	if err := unix.Access(path, unix.F_OK); errors.Is(err, unix.ENOENT) {
		return noted(directory)
	}
	return openList(path)
}

// openList opens a list; nil where it is damaged. One that is read at once is not kept open.
func openList(path string) *reader {
	file, err := regular.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil && size > buffered {
		r := newReader(file, size)
		if r == nil {
			_ = file.Close()
			return nil
		}
		r.file = file
		return r
	}
	defer file.Close()
	text := make([]byte, size)
	if err == nil {
		_, err = file.ReadAt(text, 0)
	}
	if err != nil {
		return nil
	}
	return newReader(bytes.NewReader(text), size)
}

// newReader reads a list; nil where it is damaged.
func newReader(content io.ReaderAt, size int64) *reader {
	if !whole(content, size) {
		return nil
	}
	r := &reader{content: content, size: size}
	r.rewind()
	return r
}

func (r *reader) rewind() {
	if r.content == nil {
		return
	}
	r.decoder, r.ahead = &decoder{buffer: bufio.NewReaderSize(io.NewSectionReader(r.content, 0, r.size), int(min(r.size, buffered)))}, nil
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// peek gives the next entry; nil at the end.
func (r *reader) peek() *entry {
	if r.ahead == nil && r.decoder != nil {
		one, err := r.decoder.next()
		if err != nil {
			r.decoder = nil
			return nil
		}
		r.ahead = &one
	}
	return r.ahead
}

// group calls visit for the entries of a group, which is the next one, or one after it.
func (r *reader) group(ctx context.Context, group string, visit func(entry) error) error {
	for r.peek() != nil && r.ahead.Group != group {
		r.ahead = nil
	}
	for r.peek() != nil && r.ahead.Group == group {
		one := *r.ahead
		r.ahead = nil
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(one); err != nil {
			return err
		}
	}
	return nil
}

// eachName calls visit for the names in a directory, some at a time. Names may go meanwhile.
func eachName(directory *os.File, visit func(name string) error) error {
	for {
		names, err := directory.Readdirnames(256)
		for _, name := range names {
			if err := visit(name); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
