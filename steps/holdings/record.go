package holdings

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle/index"
)

// File is a file of a release.
type File struct {
	// Path is relative to the release.
	Path string
	// Device, Inode, Size, Modified and Changed are its identity.
	Device, Inode     uint64
	Size              int64
	Modified, Changed unix.Timespec
	// Sum is the SHA-256 of its content, Check the CRC-32C.
	Sum   [sha256.Size]byte
	Check uint32
}

// FileOf takes an identity from a status.
func FileOf(path string, status *unix.Stat_t) File {
	return File{Path: path, Device: uint64(status.Dev), Inode: status.Ino, Size: status.Size, Modified: status.Mtim, Changed: status.Ctim}
}

// Fits reports whether a file with that status is the one that was recorded, and unchanged since.
func (f File) Fits(status *unix.Stat_t) bool {
	return status.Mode&unix.S_IFMT == unix.S_IFREG && FileOf(f.Path, status) == File{
		Path: f.Path, Device: f.Device, Inode: f.Inode, Size: f.Size, Modified: f.Modified, Changed: f.Changed,
	}
}

// Release is how the directory of a release is known, whatever its name.
type Release struct {
	Inode        uint64
	BirthSeconds int64
	BirthNanos   uint32
}

// ReleaseAt looks at an open directory. A file system without times of birth has them as zero.
func ReleaseAt(handle int) (Release, error) {
	var status unix.Statx_t
	if err := unix.Statx(handle, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &status); err != nil {
		return Release{}, os.NewSyscallError("statx", err)
	}
	found := Release{Inode: status.Ino}
	if status.Mask&unix.STATX_BTIME != 0 {
		found.BirthSeconds, found.BirthNanos = status.Btime.Sec, status.Btime.Nsec
	}
	return found, nil
}

// tag begins a record, and names its format.
const tag = "gwe holdings 1\n"

// longestPath bounds what is read for one path.
const longestPath = 4095

// Writer writes a record. Errors are kept until Close.
type Writer struct {
	buffer *bufio.Writer
	sum    hash.Hash
	record []byte
}

// NewWriter begins a record of a release.
func NewWriter(to io.Writer, release Release) *Writer {
	w := &Writer{buffer: bufio.NewWriterSize(to, 64<<10), sum: sha256.New()}
	w.record = append(w.record, tag...)
	w.record = binary.AppendUvarint(w.record, release.Inode)
	w.record = binary.AppendVarint(w.record, release.BirthSeconds)
	w.record = binary.AppendUvarint(w.record, uint64(release.BirthNanos))
	w.write()
	return w
}

func (w *Writer) write() {
	w.sum.Write(w.record)
	_, _ = w.buffer.Write(w.record) // the buffer keeps its first error, and Flush returns it
	w.record = w.record[:0]
}

// Add takes the next file, in the order of an index.
func (w *Writer) Add(f File) {
	to := binary.AppendUvarint(w.record, uint64(len(f.Path)))
	to = append(to, f.Path...)
	for _, number := range []uint64{f.Device, f.Inode, uint64(f.Size)} {
		to = binary.AppendUvarint(to, number)
	}
	for _, moment := range []unix.Timespec{f.Modified, f.Changed} {
		to = binary.AppendVarint(to, int64(moment.Sec))
		to = binary.AppendUvarint(to, uint64(moment.Nsec))
	}
	to = append(to, f.Sum[:]...)
	w.record = binary.LittleEndian.AppendUint32(to, f.Check)
	w.write()
}

// Close ends the record. It neither closes nor syncs what it was written to.
func (w *Writer) Close() error {
	w.record = append(w.record, 0) // no path: the end
	w.write()
	_, _ = w.buffer.Write(w.sum.Sum(nil))
	return w.buffer.Flush()
}

// Reader reads a record, from its first file to its last.
type Reader struct {
	// Release is the one that is recorded.
	Release Release

	source *bufio.Reader
	next   File
	more   bool
}

var errDamaged = errors.New("the record is damaged")

// NewReader reads a record. It fails if the record is not whole.
func NewReader(source io.ReadSeeker) (*Reader, error) {
	if err := whole(source); err != nil {
		return nil, err
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r := &Reader{source: bufio.NewReaderSize(source, 64<<10), more: true}
	start := make([]byte, len(tag))
	if _, err := io.ReadFull(r.source, start); err != nil || string(start) != tag {
		return nil, errDamaged
	}
	inode, err := binary.ReadUvarint(r.source)
	seconds, err2 := binary.ReadVarint(r.source)
	nanos, err3 := binary.ReadUvarint(r.source)
	if err := errors.Join(err, err2, err3); err != nil || nanos > math.MaxUint32 {
		return nil, errDamaged
	}
	r.Release = Release{inode, seconds, uint32(nanos)}
	r.advance()
	return r, nil
}

// whole checks the digest at the end.
func whole(source io.ReadSeeker) error {
	size, err := source.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size < int64(len(tag)+sha256.Size) {
		return errDamaged
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum, end := sha256.New(), make([]byte, sha256.Size)
	if _, err := io.CopyN(sum, source, size-sha256.Size); err != nil {
		return err
	}
	if _, err := io.ReadFull(source, end); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), end) {
		return errDamaged
	}
	return nil
}

// advance reads the next file. Where it cannot be read, the record ends.
func (r *Reader) advance() {
	var f File
	length, err := binary.ReadUvarint(r.source)
	if err != nil || length == 0 || length > longestPath {
		r.more = false
		return
	}
	path := make([]byte, length)
	_, err = io.ReadFull(r.source, path)
	f.Path = string(path)
	unsigned := func() (number uint64) {
		if err == nil {
			number, err = binary.ReadUvarint(r.source)
		}
		return number
	}
	moment := func() unix.Timespec {
		var seconds int64
		if err == nil {
			seconds, err = binary.ReadVarint(r.source)
		}
		at, failed := unix.TimeToTimespec(time.Unix(seconds, int64(unsigned())))
		err = cmp.Or(err, failed)
		return at
	}
	f.Device, f.Inode, f.Size = unsigned(), unsigned(), int64(unsigned())
	f.Modified, f.Changed = moment(), moment()
	var rest [sha256.Size + 4]byte
	if err == nil {
		_, err = io.ReadFull(r.source, rest[:])
	}
	copy(f.Sum[:], rest[:])
	f.Check = binary.LittleEndian.Uint32(rest[sha256.Size:])
	r.next, r.more = f, err == nil
}

// Find returns what is recorded of a path. Paths must be asked for in the order of an index.
func (r *Reader) Find(path string) (File, bool) {
	if r == nil {
		return File{}, false
	}
	for r.more && index.Before(r.next.Path, path) {
		r.advance()
	}
	if r.more && r.next.Path == path {
		return r.next, true
	}
	return File{}, false
}
