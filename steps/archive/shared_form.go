package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// sharedFormat is the first byte of a list of shared files, after which its records follow: the length of the
// path, the path and ten numbers, as varints. No list of gob's form begins with it, in which gwe wrote them
// before.
const sharedFormat = 0

// longestShared is how many bytes of a path are read at most: what claims to be longer is damaged.
const longestShared = 1 << 20

var errSharedDamaged = errors.New("a record has not the form that it should")

// append appends the record.
func (s shared) append(record []byte) []byte {
	record = binary.AppendUvarint(record, uint64(len(s.Path)))
	record = append(record, s.Path...)
	for _, number := range s.numbers() {
		record = binary.AppendVarint(record, number)
	}
	return record
}

// numbers are the fields of a record besides the path, in order. Inodes above the largest int64 come back as
// they were, by overflow.
func (s shared) numbers() []int64 {
	return []int64{
		int64(s.Inode), s.Size, int64(s.Mode), int64(s.UID), int64(s.GID),
		int64(s.Modified.Sec), int64(s.Modified.Nsec), int64(s.Changed.Sec), int64(s.Changed.Nsec), int64(s.Sum),
	}
}

func sharedOf(path string, n []int64) shared {
	one := shared{Path: path, Inode: uint64(n[0]), Size: n[1], Mode: uint32(n[2]), UID: int(n[3]), GID: int(n[4]), Sum: uint32(n[9])}
	one.Modified, one.Changed = timespec(n[5], n[6]), timespec(n[7], n[8])
	return one
}

// timespec makes a time of its parts, whose sizes differ between machines.
func timespec(seconds, nanoseconds int64) unix.Timespec {
	var of unix.Timespec
	setInteger(&of.Sec, seconds)
	setInteger(&of.Nsec, nanoseconds)
	return of
}

func setInteger[N int32 | int64](to *N, number int64) { *to = N(number) }

// readShared reads a list, in whichever form it is. The function that it returns reads the next record; its
// error is io.EOF after the last one.
func readShared(from *bufio.Reader) func() (shared, error) {
	first, err := from.Peek(1)
	if err != nil {
		return func() (shared, error) { return shared{}, err }
	}
	if first[0] != sharedFormat {
		return func() (shared, error) { return readGobShared(from) }
	}
	_, _ = from.Discard(1)
	return func() (shared, error) {
		length, err := binary.ReadUvarint(from)
		if err != nil {
			return shared{}, err
		}
		if length > longestShared {
			return shared{}, errSharedDamaged
		}
		path := make([]byte, length)
		if _, err := io.ReadFull(from, path); err != nil {
			return shared{}, noEnd(err)
		}
		numbers := make([]int64, len(shared{}.numbers()))
		for i := range numbers {
			if numbers[i], err = binary.ReadVarint(from); err != nil {
				return shared{}, noEnd(err)
			}
		}
		return sharedOf(string(path), numbers), nil
	}
}

// noEnd is the error of a record that breaks off.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
