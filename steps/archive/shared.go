package archive

import (
	"bufio"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/regular"
)

// shared is a file that the new release has in common with the one that ran when it was unpacked, as it was
// when the two were compared.
type shared struct {
	Path     string
	Inode    uint64
	Size     int64
	Mode     uint32
	UID, GID int
	Modified unix.Timespec
	// Changed is its change time, which linking it has set; Sum is the CRC of its content.
	Changed unix.Timespec
	Sum     uint32
}

// sharedList writes the shared files down, in the frame's directory: there may be more of them than fit in
// memory.
type sharedList struct {
	file   *os.File
	buffer *bufio.Writer
	record []byte
}

// newSharedList begins a list; an older one at that path is forgotten.
func newSharedList(path string) (*sharedList, error) {
	file, err := regular.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, explain(err, "cannot record the linked files")
	}
	list := &sharedList{file: file, buffer: bufio.NewWriterSize(file, 64<<10)}
	_ = list.buffer.WriteByte(sharedFormat) // the buffer is empty: there is nothing that could fail
	return list, nil
}

func (l *sharedList) add(s shared) error {
	l.record = s.append(l.record[:0])
	_, err := l.buffer.Write(l.record)
	return explain(err, "cannot record the linked files")
}

// finish writes the list to its end. It becomes durable before the directory gets its name: a run that is
// suspended looks at it after a reboot.
func (l *sharedList) finish() error {
	return explain(l.buffer.Flush(), "cannot record the linked files")
}

func (l *sharedList) close() { _ = l.file.Close() }

// changedFiles tells which of the files that a list names were written in place since they were linked, in
// the release that has a name in an open directory. Files that were replaced are not among them: those harm
// no other release.
func changedFiles(ctx context.Context, list string, dir *openat.Dir, name string, found func(path string)) error {
	file, err := regular.Open(list, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err, "cannot read the list of linked files")
	}
	defer file.Close()
	root, err := openIn(dir.Descriptor(), name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return explain(err, "cannot open the release %s", dir.Join(name))
	}
	defer unix.Close(root)
	walk := reader(root)
	defer walk.drop()
	entries := readShared(bufio.NewReaderSize(file, 64<<10))
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		one, err := entries()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Errored, "file-system", "the list of linked files is damaged").WithCause(err)
		}
		changed, err := one.changed(ctx, walk)
		if err != nil {
			return err
		}
		if changed {
			found(one.Path)
		}
	}
}

// changed compares a file with what it was. A change time that differs alone is no proof: a further link sets
// it too, and so does the removal of one. Then the content decides.
func (s shared) changed(ctx context.Context, walk *cursor) (bool, error) {
	parts := strings.Split(s.Path, "/")
	last := len(parts) - 1
	directory, err := walk.at(parts[:last])
	if err != nil {
		return false, nil // moved or removed with its directory
	}
	var now unix.Stat_t
	if unix.Fstatat(directory, parts[last], &now, unix.AT_SYMLINK_NOFOLLOW) != nil || now.Ino != s.Inode {
		return false, nil
	}
	was := attributes{mode: s.Mode, uid: s.UID, gid: s.GID, modified: s.Modified}
	if !was.fits(&now, s.Size) {
		return true, nil
	}
	if now.Ctim == s.Changed {
		return false, nil
	}
	handle, err := openIn(directory, parts[last], unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, explain(err, "cannot read the linked file %q", s.Path)
	}
	file := os.NewFile(uintptr(handle), s.Path)
	defer file.Close()
	sum, buffer := uint32(0), make([]byte, 64<<10)
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := file.Read(buffer)
		sum = crc32.Update(sum, castagnoli, buffer[:n])
		if errors.Is(err, io.EOF) {
			return sum != s.Sum, nil
		}
		if err != nil {
			return false, explain(err, "cannot read the linked file %q", s.Path)
		}
	}
}
