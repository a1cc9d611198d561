package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// readGobShared reads the next record of a list in the form in which gwe wrote lists before: a stream of
// encoding/gob. A run that an older gwe began may be committed or rolled back by this one. Of gob's form only
// what such lists hold is known: the package itself would be a hundredth of the program.
func readGobShared(from *bufio.Reader) (shared, error) {
	for {
		length, err := gobUint(from)
		if err != nil {
			return shared{}, err
		}
		if length > longestShared {
			return shared{}, errSharedDamaged
		}
		message := make([]byte, length)
		if _, err := io.ReadFull(from, message); err != nil {
			return shared{}, noEnd(err)
		}
		body := bytes.NewReader(message)
		id, err := gobInt(body)
		if err != nil {
			return shared{}, noEnd(err)
		}
		if id < 0 {
			continue // it defines a type, which is known
		}
		one, err := gobShared(body)
		if err == nil && body.Len() > 0 {
			err = errSharedDamaged
		}
		return one, noEnd(err)
	}
}

// gobShared reads the fields of a record. The path is the first of them; the two times are structs of two
// numbers.
func gobShared(from *bytes.Reader) (shared, error) {
	var path string
	numbers := make([]int64, len(shared{}.numbers()))
	err := gobFields(from, func(field uint64) (err error) {
		at := [10]int{2: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 7, 9: 9}[field]
		switch field {
		case 1:
			path, err = gobText(from)
		case 2, 4, 9: // without a sign
			var number uint64
			number, err = gobUint(from)
			numbers[at] = int64(number)
		case 3, 5, 6:
			numbers[at], err = gobInt(from)
		case 7, 8:
			err = gobFields(from, func(part uint64) (err error) {
				if part > 2 {
					return errSharedDamaged
				}
				numbers[at+int(part)-1], err = gobInt(from)
				return err
			})
		}
		return err
	})
	return sharedOf(path, numbers), err
}

// gobFields reads a struct: before each field stands how many further it is than the last one, and 0 ends it.
func gobFields(from *bytes.Reader, read func(field uint64) error) error {
	for field := uint64(0); ; {
		further, err := gobUint(from)
		if err != nil || further == 0 {
			return err
		}
		if field += further; field > 9 {
			return errSharedDamaged
		}
		if err := read(field); err != nil {
			return err
		}
	}
}

func gobText(from *bytes.Reader) (string, error) {
	length, err := gobUint(from)
	if err != nil {
		return "", err
	}
	if length > uint64(from.Len()) {
		return "", errSharedDamaged
	}
	text := make([]byte, length)
	_, err = io.ReadFull(from, text)
	return string(text), err
}

// gobUint reads a number below 128 as a byte, or the bytes of a larger one after the number of them, negated.
func gobUint(from io.ByteReader) (uint64, error) {
	first, err := from.ReadByte()
	if err != nil || first < 0x80 {
		return uint64(first), err
	}
	count := -int(int8(first))
	if count > 8 {
		return 0, errSharedDamaged
	}
	var number [8]byte
	for i := range count {
		if number[8-count+i], err = from.ReadByte(); err != nil {
			return 0, errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	return binary.BigEndian.Uint64(number[:]), nil
}

// gobInt reads a number whose lowest bit says that the others are complemented.
func gobInt(from io.ByteReader) (int64, error) {
	number, err := gobUint(from)
	if number&1 != 0 {
		return ^int64(number >> 1), err
	}
	return int64(number >> 1), err
}
