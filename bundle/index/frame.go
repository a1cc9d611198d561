package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/engine/fault"
)

var (
	frameMagic     = []byte{0x28, 0xb5, 0x2f, 0xfd}
	skippableMagic = []byte{0x5d, 0x2a, 0x4d, 0x18}
	footerMagic    = []byte("gweindex")
)

// Decoder decodes frames, one at a time.
type Decoder struct {
	zstd *zstd.Decoder
	// most is the size of the largest frame. The memory for it is made once: what grows frame by frame leaves
	// smaller pieces behind.
	most int64
	into []byte
}

// NewDecoder makes one for the frames of an index. Close frees it.
func NewDecoder(frames []Frame) (*Decoder, error) {
	made, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(FrameMaximum), zstd.WithDecoderMaxWindow(FrameMaximum), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fault.New(fault.Errored, "decoder", "cannot make a decoder").WithCause(err)
	}
	var most int64
	for _, one := range frames {
		most = max(most, one.Size)
	}
	return &Decoder{zstd: made, most: most}, nil
}

// Close frees the decoder.
func (d *Decoder) Close() { d.zstd.Close() }

// Decode checks a frame's bytes against the index, and only then decodes them. What it returns is valid
// until the next call. Its faults are index-frame-digest and index-frame-size.
func (d *Decoder) Decode(number int, one Frame, compressed []byte) (content []byte, err error) {
	if int64(cap(d.into)) < one.Size {
		d.into = make([]byte, 0, max(d.most, one.Size))
	}
	return d.DecodeInto(d.into, number, one, compressed)
}

// DecodeInto is Decode into memory of the caller, which has room for the frame's Size.
func (d *Decoder) DecodeInto(into []byte, number int, one Frame, compressed []byte) (content []byte, err error) {
	defer fault.Contain("zstd decoder", &err)
	if int64(len(compressed)) != one.Length || sha256.Sum256(compressed) != one.Digest {
		return nil, refuse("index-frame-digest", "frame %d of the package does not have the digest that its index gives", number).
			WithHint("the package was damaged, or its index is another's: fetch both again")
	}
	if !bytes.HasPrefix(compressed, frameMagic) {
		return nil, refuse("index-second", "frame %d of the package is not a zstd frame: only the index itself may be a skippable one, once", number).
			WithHint("pack the package again with gwe pack")
	}
	content, err = d.zstd.DecodeAll(compressed, into[:0:one.Size])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), err == nil && int64(len(content)) != one.Size:
		return nil, refuse("index-frame-size", "frame %d of the package does not decode to the %d bytes that its index gives", number, one.Size).
			WithHint("pack the package again with gwe pack")
	case err != nil:
		return nil, refuse("index-frame-damaged", "frame %d of the package cannot be decoded", number).WithCause(err).
			WithHint("pack the package again with gwe pack")
	}
	return content, nil
}

// CheckContent makes sure that a frame's decoded bytes have the digest that the index gives. An
// installation has no need of it: the frame's bytes have theirs, and each file has its own.
func (f Frame) CheckContent(number int, content []byte) error {
	if sha256.Sum256(content) == f.Sum {
		return nil
	}
	return refuse("index-frame-digest", "what frame %d of the package decodes to does not have the digest that its index gives", number).
		WithHint("pack the package again with gwe pack")
}

// footerLength is the length of what ends the skippable frame: the message's length and the magic.
const footerLength = 4 + 8

// MessageMaximum is the most bytes of a signed index.
const MessageMaximum = BodyMaximum + 2<<20

// Wrap puts a signed index into a skippable zstd frame, which is the last one of the content.
func Wrap(message []byte) []byte {
	length := uint32(len(message))
	frame := binary.LittleEndian.AppendUint32(bytes.Clone(skippableMagic), length+footerLength)
	frame = append(frame, message...)
	frame = binary.LittleEndian.AppendUint32(frame, length)
	return append(frame, footerMagic...)
}

// Wrapped is the length that a message has in its frame.
func Wrapped(message int) int64 { return int64(message) + 8 + footerLength }

// Find reads the signed index from the end of a content of that length. It returns nil where there is none.
func Find(content io.ReaderAt, size int64) ([]byte, error) {
	const around = 8 + footerLength
	if size < around {
		return nil, nil
	}
	var footer [footerLength]byte
	if _, err := content.ReadAt(footer[:], size-footerLength); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(footer[4:], footerMagic) {
		return nil, nil
	}
	length := int64(binary.LittleEndian.Uint32(footer[:]))
	if length > MessageMaximum {
		return nil, beyond("its length", uint64(length), MessageMaximum)
	}
	if length+around > size {
		return nil, damaged("it is longer than the package")
	}
	frame := make([]byte, 8+length)
	if _, err := content.ReadAt(frame, size-around-length); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(frame[:4], skippableMagic) || int64(binary.LittleEndian.Uint32(frame[4:])) != length+footerLength {
		return nil, damaged("its frame does not begin where its end says")
	}
	return frame[8:], nil
}
