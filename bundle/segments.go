package bundle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// segments reads the content of a signed message at any place, without reading what lies before: the
// content lies in the file in few long pieces. It checks nothing.
type segments struct {
	source io.ReaderAt
	// starts are the places in the content at which the pieces begin, and offsets those in the source.
	starts, offsets []int64
	size            int64
	// announced is how many signatures were announced before the content, and end where it ends in the
	// source.
	announced int
	end       int64
}

const (
	// segmentsMaximum bounds the pieces; each but the last has at least segmentLeast bytes.
	segmentsMaximum = 4096
	segmentLeast    = 1 << 20
)

// errNotInPieces tells that a message's content cannot be read at any place.
var errNotInPieces = errors.New("the content does not lie in the file in few pieces")

// literalIn finds the content of a message of that length: one that is neither armoured, compressed nor
// encrypted. A source that is a compressed tar itself is its own content.
func literalIn(source io.ReaderAt, size int64) (*segments, error) {
	start := make([]byte, min(size, 8))
	if _, err := source.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if compressionOf(start) == Zstandard {
		return &segments{source: source, starts: []int64{0}, offsets: []int64{0}, size: size, end: size}, nil
	}
	at, announced := int64(0), 0
	for range signaturesMaximum + markersMaximum {
		kind, length, partial, body, err := packetAt(source, size, at, true)
		switch {
		case err != nil:
			return nil, err
		case kind == tagLiteral:
			found, err := pieces(source, size, body, length, partial)
			if err == nil {
				found.announced = announced
			}
			return found, err
		case kind != tagOnePass && kind != tagMarker || partial || length > smallPacketMaximum:
			return nil, errNotInPieces
		}
		if kind == tagOnePass {
			announced++
		}
		at = body + length
	}
	return nil, errNotInPieces
}

// signed reports whether the content is followed by as many signatures as were announced, at least one,
// and by nothing else. It does not verify them.
func (s *segments) signed(size int64) (bool, error) {
	at := s.end
	for range s.announced {
		kind, length, partial, body, err := packetAt(s.source, size, at, true)
		if err != nil || kind != tagSignature || partial || length > smallPacketMaximum {
			return false, ignoreEnd(err)
		}
		at = body + length
	}
	return s.announced > 0 && at == size, nil
}

// ignoreEnd takes what is not a packet, and the end of the source, for an answer.
func ignoreEnd(err error) error {
	if errors.Is(err, errNotInPieces) || errors.Is(truncated(err), io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// pieces walks the parts of a literal packet.
func pieces(source io.ReaderAt, size, body, length int64, partial bool) (*segments, error) {
	var head [2]byte
	if _, err := source.ReadAt(head[:], body); err != nil {
		return nil, truncated(err)
	}
	skip := 2 + int64(head[1]) + 4
	if head[0] != 'b' || skip > length {
		return nil, errNotInPieces
	}
	s := &segments{source: source}
	body, length = body+skip, length-skip
	for {
		if length > size-body {
			return nil, io.ErrUnexpectedEOF
		}
		s.starts, s.offsets = append(s.starts, s.size), append(s.offsets, body)
		s.size += length
		s.end = body + length
		if !partial {
			return s, nil
		}
		if length+skip < segmentLeast || len(s.starts) == segmentsMaximum {
			return nil, errNotInPieces
		}
		next := body + length
		var err error
		if _, length, partial, body, err = packetAt(source, size, next, false); err != nil {
			return nil, err
		}
	}
}

// packetAt reads the header of a packet, or, without a tag, the length of a further part of it.
func packetAt(source io.ReaderAt, size, at int64, tagged bool) (kind tag, length int64, partial bool, body int64, err error) {
	reader := &counted{source: bufio.NewReaderSize(io.NewSectionReader(source, at, min(6, size-at)), 16)}
	first := byte(0x40) // a part's length has the form of a new packet's
	if tagged {
		if first, err = reader.ReadByte(); err != nil {
			return 0, 0, false, 0, truncated(err)
		}
		if first&0x80 == 0 {
			return 0, 0, false, 0, errNotInPieces
		}
		kind = tag(first & 0x3f)
	}
	if first&0x40 == 0 {
		kind = tag(first >> 2 & 0x0f)
		octets := 1 << (first & 3)
		if first&3 == 3 {
			return kind, 0, false, 0, errNotInPieces
		}
		for range octets {
			octet, err := reader.ReadByte()
			if err != nil {
				return kind, 0, false, 0, truncated(err)
			}
			length = length<<8 | int64(octet)
		}
		return kind, length, false, at + reader.count, nil
	}
	var octets [5]byte
	count := 1
	for i := 0; i < count; i++ {
		if octets[i], err = reader.ReadByte(); err != nil {
			return kind, 0, false, 0, truncated(err)
		}
		switch {
		case i > 0:
		case octets[0] == 255:
			count = 5
		case octets[0] >= 192 && octets[0] < 224:
			count = 2
		}
	}
	switch {
	case count == 5:
		length = int64(binary.BigEndian.Uint32(octets[1:]))
	case count == 2:
		length = int64(octets[0]-192)<<8 + int64(octets[1]) + 192
	case octets[0] < 192:
		length = int64(octets[0])
	default:
		length, partial = 1<<(octets[0]&0x1f), true
	}
	return kind, length, partial, at + reader.count, nil
}

// counted counts the bytes that are read.
type counted struct {
	source *bufio.Reader
	count  int64
}

func (c *counted) ReadByte() (byte, error) {
	one, err := c.source.ReadByte()
	if err == nil {
		c.count++
	}
	return one, err
}

// ReadAt reads the content.
func (s *segments) ReadAt(p []byte, at int64) (read int, err error) {
	for i, start := range s.starts {
		end := s.size
		if i+1 < len(s.starts) {
			end = s.starts[i+1]
		}
		if at >= end || len(p) == read {
			continue
		}
		want := p[read:min(int64(len(p)), int64(read)+end-at)]
		n, err := s.source.ReadAt(want, s.offsets[i]+at-start)
		read, at = read+n, at+int64(n)
		if n < len(want) {
			return read, truncated(err)
		}
	}
	if read < len(p) {
		return read, io.EOF
	}
	return read, nil
}
