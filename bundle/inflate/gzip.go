package inflate

import (
	"errors"
	"hash/crc32"
	"io"
)

// Reader gives what a gzip stream holds.
type Reader struct {
	decoder *decoder
	// members counts those that have begun; inside tells that one has not ended.
	members int
	inside  bool
	// sum and size are those of the member so far.
	sum  uint32
	size uint32
	err  error
}

// NewReader decompresses source. It reads ahead: source is not left right after the stream.
func NewReader(source io.Reader) *Reader { return &Reader{decoder: newDecoder(source)} }

// Read gives the next bytes. The last ones of a member are given when its checksum was found right. After an
// error it gives that error again.
func (r *Reader) Read(into []byte) (int, error) {
	d := r.decoder
	for d.given == d.to {
		if r.err != nil {
			return 0, r.err
		}
		if r.err = r.next(); r.err != nil {
			d.given = d.to
		}
	}
	n := copy(into, d.output[d.given:d.to])
	d.given += n
	return n, nil
}

// next decodes more, or tells why there is none.
func (r *Reader) next() error {
	d := r.decoder
	if !r.inside {
		if err := r.head(); err != nil {
			return err
		}
		d.begin()
		r.sum, r.size, r.inside = 0, 0, true
		r.members++
	}
	d.slide()
	over, err := d.fill()
	if err != nil {
		return err
	}
	decoded := d.output[d.given:d.to]
	r.sum = crc32.Update(r.sum, crc32.IEEETable, decoded)
	r.size += uint32(len(decoded))
	if over {
		r.inside = false
		return r.tail()
	}
	return nil
}

// The flags of a member's head.
const (
	withHeadSum = 1 << (iota + 1)
	withExtra
	withName
	withComment
	reserved = 0xe0
)

// head reads the head of a member; io.EOF is the end after the last one.
func (r *Reader) head() error {
	d := r.decoder
	if r.members > 0 {
		if err := r.padding(); err != nil {
			return err
		}
	}
	var fixed [10]byte
	digest := uint32(0)
	next := func() (byte, error) {
		octet, err := d.octet()
		digest = crc32.Update(digest, crc32.IEEETable, []byte{octet})
		return octet, err
	}
	short := func() (int, error) {
		low, err := next()
		if err != nil {
			return 0, err
		}
		high, err := next()
		return int(high)<<8 | int(low), err
	}
	skip := func(count int) error {
		for range count {
			if _, err := next(); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range fixed {
		var err error
		if fixed[i], err = next(); err != nil {
			return err
		}
	}
	flags := fixed[3]
	if fixed[0] != 0x1f || fixed[1] != 0x8b || fixed[2] != 8 || flags&reserved != 0 {
		return ErrDamaged
	}
	if flags&withExtra != 0 {
		count, err := short()
		if err != nil {
			return err
		}
		if err := skip(count); err != nil {
			return err
		}
	}
	for _, text := range []byte{withName, withComment} {
		for flags&text != 0 {
			octet, err := next()
			if err != nil {
				return err
			}
			if octet == 0 {
				break
			}
		}
	}
	if flags&withHeadSum != 0 {
		want := digest & 0xffff
		sum, err := short()
		if err != nil {
			return err
		}
		if sum != int(want) {
			return ErrDamaged
		}
	}
	return nil
}

// padding goes past the zeros after a member, with which tapes and partitions are filled up, as gzip itself
// has it.
func (r *Reader) padding() error {
	for padded := false; ; padded = true {
		first, err := r.decoder.octet()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF
		}
		if err != nil {
			return err
		}
		if first != 0 && padded {
			return ErrDamaged
		}
		if first != 0 {
			r.decoder.at--
			return nil
		}
	}
}

// tail compares the checksum and the size with those at the end of the member.
func (r *Reader) tail() error {
	for _, want := range []uint32{r.sum, r.size} {
		for range 4 {
			octet, err := r.decoder.octet()
			if err != nil {
				return err
			}
			if octet != byte(want) {
				return ErrDamaged
			}
			want >>= 8
		}
	}
	return nil
}
