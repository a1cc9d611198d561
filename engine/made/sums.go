package made

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/regular"
)

// sumsName is the file in the frame's directory that holds the digests.
const sumsName = "made-sums"

// Sums writes digests of files down while these are written. It is optional: where a file's times tell
// nothing, because a link to it was made and removed since, say, its digest shows that the content is what it
// was.
type Sums struct{ buffer pending }

// CreateSums begins the digests of a frame, which take the place of older ones.
func CreateSums(directory string) *Sums {
	return &Sums{pending{path: filepath.Join(directory, sumsName)}}
}

// Add takes the CRC-32C of a file's content; path is relative to the root of its group.
func (s *Sums) Add(group, path string, sum uint32) error {
	if s == nil {
		return nil
	}
	var record [sumSize]byte
	binary.LittleEndian.PutUint64(record[:], hashOf(group, path))
	binary.LittleEndian.PutUint32(record[8:], sum)
	return explain(s.buffer.write(record[:]), "cannot record digests")
}

// Close ends the digests. It does not make them durable.
func (s *Sums) Close() error {
	if s == nil {
		return nil
	}
	return explain(s.buffer.end(), "cannot record digests")
}

// Small is up to which size AddSmall reads a file once more.
const Small = 64 << 10

// AddSmall reads an open file of at most Small bytes, and adds its digest. Larger files are not read: that
// would cost more than a copy that the file system makes by sharing blocks.
func (s *Sums) AddSmall(group, path string, handle int, size int64) error {
	if s == nil || size > Small {
		return nil
	}
	sum, buffer := uint32(0), make([]byte, min(size+1, 16<<10))
	for at := int64(0); ; {
		var count int
		err := durable.Repeat(func() (err error) {
			count, err = unix.Pread(handle, buffer, at)
			return err
		})
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		sum, at = crc32.Update(sum, castagnoli, buffer[:count]), at+int64(count)
		if count == 0 || size < int64(len(buffer)) && count < len(buffer) {
			return s.Add(group, path, sum)
		}
	}
}

// sumSize is the length of a record: the hash of a path, and the digest.
const sumSize = 12

func hashOf(group, path string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(group + "\x00" + path)) // never fails
	return hash.Sum64()
}

// sums are the digests of a frame, read where the first one is asked for.
type sums struct {
	directory string
	read      bool
	known     []digest
}

type digest struct {
	path uint64
	sum  uint32
}

// match reports whether a file has the content that was recorded of an entry, and whether any was.
func (s *sums) match(e entry, directory int, name string) (same, recorded bool) {
	was, recorded := s.of(e)
	if !recorded {
		return false, false
	}
	sum, err := sumOf(directory, name)
	return err == nil && sum == was, true
}

// of gives the digest that was recorded of an entry.
func (s *sums) of(e entry) (sum uint32, recorded bool) {
	if e.Sum != nil {
		return *e.Sum, true
	}
	if !s.read {
		s.load()
	}
	at, found := slices.BinarySearchFunc(s.known, hashOf(e.Group, e.Path), func(one digest, path uint64) int { return cmp.Compare(one.path, path) })
	if !found {
		return 0, false
	}
	return s.known[at].sum, true
}

func (s *sums) load() {
	s.read = true
	file, err := regular.Open(filepath.Join(s.directory, sumsName), os.O_RDONLY, 0)
	if err != nil {
		return
	}
	defer file.Close()
	buffer := bufio.NewReaderSize(file, buffered)
	for {
		var record [sumSize]byte
		if _, err := io.ReadFull(buffer, record[:]); err != nil {
			break
		}
		s.known = append(s.known, digest{binary.LittleEndian.Uint64(record[:]), binary.LittleEndian.Uint32(record[8:])})
	}
	slices.SortFunc(s.known, func(a, b digest) int { return cmp.Compare(a.path, b.path) })
}
