package bundle

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"io"
)

// errContinuation is what compress/bzip2 says of anything but another stream after one whose checksum was
// right.
const errContinuation = bzip2.StructuralError("bad magic value in continuation file")

// paddedBzip2 reads bzip2 streams that zeros may follow, as tapes and partitions are filled up: bzip2 and tar
// pass over them. gzip and xz decoders do so by themselves.
type paddedBzip2 struct {
	source  *lastTwo
	decoder io.Reader
	err     error
}

func newPaddedBzip2(source io.Reader) *paddedBzip2 {
	bytes := &lastTwo{source: bufio.NewReaderSize(source, copyBuffer)}
	return &paddedBzip2{source: bytes, decoder: bzip2.NewReader(bytes)}
}

func (p *paddedBzip2) Read(into []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.decoder.Read(into)
	if errors.Is(err, errContinuation) && p.source.zerosOnly() {
		err = io.EOF
	}
	p.err = err
	return n, err
}

// lastTwo hands out bytes, and remembers the last two.
type lastTwo struct {
	source *bufio.Reader
	last   [2]byte
}

func (l *lastTwo) ReadByte() (byte, error) {
	b, err := l.source.ReadByte()
	if err == nil {
		l.last = [2]byte{l.last[1], b}
	}
	return b, err
}

// Read is there for the form: compress/bzip2 reads bytes.
func (l *lastTwo) Read(into []byte) (int, error) { return l.source.Read(into) }

// zerosOnly reports whether the last two bytes and all that follow are zeros.
func (l *lastTwo) zerosOnly() bool {
	if l.last != [2]byte{} {
		return false
	}
	for {
		switch b, err := l.source.ReadByte(); {
		case err != nil:
			return err == io.EOF
		case b != 0:
			return false
		}
	}
}
