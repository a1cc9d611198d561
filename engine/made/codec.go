package made

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"golang.org/x/sys/unix"
)

// A list is a series of records: a group with its name, an entry with its path and numbers, and the end with
// a CRC of all before it. A list without its end, or with another CRC, is damaged.
const (
	recordGroup = 'g'
	recordEntry = 'e'
	recordEnd   = 'z'
)

// The bits of an entry's last number; three further numbers follow where hasBefore is set, and then one where
// hasSum is.
const (
	isSettled = 1 << iota
	hasBefore
	hasSum
)

var errDamaged = errors.New("the list of what the step made is damaged")

// encoder writes entries.
type encoder struct {
	buffer pending
	sum    hash.Hash32
	group  *string
	record []byte
}

func newEncoder(path string) *encoder {
	return &encoder{buffer: pending{path: path}, sum: crc32.New(castagnoli)}
}

func (e *encoder) add(one entry) error {
	e.record = e.record[:0]
	if e.group == nil || *e.group != one.Group {
		e.group = &one.Group
		e.record = appendText(append(e.record, recordGroup), one.Group)
	}
	e.record = appendText(append(e.record, recordEntry), one.Path)
	numbers := []uint64{
		uint64(one.Mode), uint64(one.UID), uint64(one.GID), one.Inode, uint64(one.Size),
		uint64(one.Modified.Sec), uint64(one.Modified.Nsec), uint64(one.Changed.Sec), uint64(one.Changed.Nsec), 0,
	}
	if one.Settled {
		numbers[9] |= isSettled
	}
	if one.Before != nil {
		numbers[9] |= hasBefore
		numbers = append(numbers, uint64(one.Before.Mode), uint64(one.Before.UID), uint64(one.Before.GID))
	}
	if one.Sum != nil {
		numbers[9] |= hasSum
		numbers = append(numbers, uint64(*one.Sum))
	}
	for _, number := range numbers {
		e.record = binary.AppendUvarint(e.record, number)
	}
	_, _ = e.sum.Write(e.record) // never fails
	return e.buffer.write(e.record)
}

func (e *encoder) end() error {
	err := e.buffer.write(binary.LittleEndian.AppendUint32([]byte{recordEnd}, e.sum.Sum32()))
	return errors.Join(err, e.buffer.end())
}

// short ends the list and returns it, where it is still to be written and one page takes it. Otherwise the
// list goes on.
func (e *encoder) short() (text []byte, short bool) {
	const longest = 2 << 10 // in base64, with the identity and the digest, that is less than a page
	if e.buffer.file != nil || len(e.buffer.text) > longest {
		return nil, false
	}
	return binary.LittleEndian.AppendUint32(append(e.buffer.text, recordEnd), e.sum.Sum32()), true
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// endSize is the length of the last record.
const endSize = 5

// whole reports whether a list has its end, and no byte of it has changed.
func whole(list io.ReaderAt, size int64) bool {
	if size < endSize {
		return false
	}
	sum := crc32.New(castagnoli)
	text := io.NewSectionReader(list, 0, size-endSize)
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{text}, make([]byte, min(size, buffered))); err != nil {
		return false
	}
	end := make([]byte, endSize)
	_, err := list.ReadAt(end, size-endSize)
	return err == nil && bytes.Equal(end, binary.LittleEndian.AppendUint32([]byte{recordEnd}, sum.Sum32()))
}

// decoder reads entries.
type decoder struct {
	buffer *bufio.Reader
	group  string
}

// next gives the next entry, and io.EOF after the last one.
func (d *decoder) next() (one entry, err error) {
	for {
		kind, err := d.buffer.ReadByte()
		switch {
		case err != nil:
			return one, errDamaged
		case kind == recordEnd:
			return one, io.EOF
		case kind == recordGroup:
			if d.group, err = d.text(); err != nil {
				return one, err
			}
			continue
		case kind != recordEntry:
			return one, errDamaged
		}
		return d.entry()
	}
}

func (d *decoder) entry() (one entry, err error) {
	one.Group = d.group
	if one.Path, err = d.text(); err != nil {
		return one, err
	}
	var numbers [10]uint64
	for i := range numbers {
		if numbers[i], err = binary.ReadUvarint(d.buffer); err != nil {
			return one, errDamaged
		}
	}
	one.Mode, one.UID, one.GID = uint32(numbers[0]), uint32(numbers[1]), uint32(numbers[2])
	one.Inode, one.Size = numbers[3], int64(numbers[4])
	one.Modified, one.Changed = moment{int64(numbers[5]), int64(numbers[6])}, moment{int64(numbers[7]), int64(numbers[8])}
	one.Settled = numbers[9]&isSettled != 0
	if numbers[9]&hasBefore != 0 {
		var before [3]uint64
		for i := range before {
			if before[i], err = binary.ReadUvarint(d.buffer); err != nil {
				return one, errDamaged
			}
		}
		one.Before = &attributes{uint32(before[0]), uint32(before[1]), uint32(before[2])}
	}
	if numbers[9]&hasSum != 0 {
		sum, err := binary.ReadUvarint(d.buffer)
		if err != nil {
			return one, errDamaged
		}
		narrow := uint32(sum)
		one.Sum = &narrow
	}
	return one, nil
}

// longest is how many bytes a text of a list may have: a path below a root may be longer than PATH_MAX.
const longest = 1 << 20

func (d *decoder) text() (string, error) {
	size, err := binary.ReadUvarint(d.buffer)
	if err != nil || size > longest {
		return "", errDamaged
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(d.buffer, text); err != nil {
		return "", errDamaged
	}
	return string(text), nil
}

// moment is a time of a file. The numbers of unix.Timespec are 32 bits wide on some machines.
type moment struct{ Sec, Nsec int64 }

func momentOf(time unix.Timespec) moment { return moment{int64(time.Sec), int64(time.Nsec)} }
