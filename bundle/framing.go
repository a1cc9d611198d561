package bundle

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// tag is the type of an OpenPGP packet (RFC 9580, section 5).
type tag byte

const (
	tagEncryptedKey    tag = 1
	tagSignature       tag = 2
	tagPasswordKey     tag = 3
	tagOnePass         tag = 4
	tagCompressed      tag = 8
	tagUnprotected     tag = 9
	tagMarker          tag = 10
	tagLiteral         tag = 11
	tagProtected       tag = 18
	tagAuthenticated   tag = 20 // GnuPG 2.3 and later (LibrePGP)
	tagPadding         tag = 21
	smallPacketMaximum     = 64 << 10
)

// readHeader reads a packet's header and gives its body as a reader that ends with the packet. io.EOF means
// that there is no further packet.
func readHeader(r *bufio.Reader) (tag, io.Reader, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	if first&0x80 == 0 {
		return 0, nil, errors.New("a byte outside of any OpenPGP packet")
	}
	if first&0x40 != 0 {
		body := &newBody{r: r}
		err := body.next()
		return tag(first & 0x3f), body, err
	}
	kind := tag(first >> 2 & 0x0f)
	if first&3 == 3 {
		return kind, r, nil // "indeterminate length": to the end of what surrounds it
	}
	var length [4]byte
	size := 1 << (first & 3)
	if _, err := io.ReadFull(r, length[4-size:]); err != nil {
		return 0, nil, truncated(err)
	}
	return kind, &newBody{r: r, left: int64(binary.BigEndian.Uint32(length[:]))}, nil
}

// newBody reads the body of a packet with a known length, or with partial lengths (RFC 9580, section 4.2.1).
type newBody struct {
	r       *bufio.Reader
	left    int64
	partial bool
	// inParts is true once a length was a partial one.
	inParts bool
}

func (b *newBody) next() error {
	var octets [4]byte
	if _, err := io.ReadFull(b.r, octets[:1]); err != nil {
		return truncated(err)
	}
	first := octets[0]
	b.partial = first >= 224 && first < 255
	b.inParts = b.inParts || b.partial
	switch {
	case first < 192:
		b.left = int64(first)
	case first < 224:
		if _, err := io.ReadFull(b.r, octets[:1]); err != nil {
			return truncated(err)
		}
		b.left = int64(first-192)<<8 + int64(octets[0]) + 192
	case b.partial:
		b.left = 1 << (first & 0x1f)
	default:
		if _, err := io.ReadFull(b.r, octets[:]); err != nil {
			return truncated(err)
		}
		b.left = int64(binary.BigEndian.Uint32(octets[:]))
	}
	return nil
}

func (b *newBody) Read(p []byte) (int, error) {
	for b.left == 0 {
		if !b.partial {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, truncated(err)
}

// truncated turns an end where there must be more into io.ErrUnexpectedEOF.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseSmall reads a whole packet of bounded size and lets the library parse it. What the library does not
// know is an UnsupportedError of it.
func parseSmall(kind tag, body io.Reader) (packet.Packet, error) {
	content, err := readSmall(kind, body)
	if err != nil {
		return nil, err
	}
	parsed, err := parseBytes(kind, content)
	return parsed, truncated(err)
}

// readSmall reads the body of a packet of bounded size.
func readSmall(kind tag, body io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(body, smallPacketMaximum+1))
	if err != nil {
		return nil, err
	}
	if len(content) > smallPacketMaximum {
		return nil, fmt.Errorf("an OpenPGP packet of type %d is larger than %d bytes", kind, smallPacketMaximum)
	}
	return content, nil
}

// parseBytes lets the library parse a packet.
func parseBytes(kind tag, body []byte) (parsed packet.Packet, err error) {
	err = contained(func() (err error) {
		parsed, err = packet.Read(bytes.NewReader(framed(kind, body)))
		return err
	})
	return parsed, err
}

// framed gives a packet a header with its length.
func framed(kind tag, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | byte(kind), 255}, uint32(len(body))), body...)
}

// atEnd refuses bytes that are left where there must be none.
func atEnd(r io.Reader) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return refuse("package-trailing-data", "something follows the signed message").
			WithHint("what follows is not signed: fetch the package again, or pack it again")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}
