package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"

	"github.com/gwe-project/gwe/bundle/inflate"
	"github.com/gwe-project/gwe/engine/fault"
)

// Compression is how the tar in a package is compressed.
type Compression string

const (
	Zstandard Compression = "zstd"
	Gzip      Compression = "gzip"
	XZ        Compression = "xz"
	Bzip2     Compression = "bzip2"
	// Uncompressed is a plain tar.
	Uncompressed Compression = "none"
)

// windowMaximum is the largest zstd window, and the largest xz dictionary, that is accepted: what `zstd
// --ultra -22` uses, and twice what `xz -9` does. It is the most memory that a package can ask for; gwe pack
// writes windows of 4 MiB at most.
const windowMaximum = 128 << 20

// Decompress tells the compression by the first bytes and gives the tar. Decompression runs in a goroutine of
// its own, a few buffers ahead; Close ends it and leaves r open. A damaged stream is the fault
// archive-damaged.
func Decompress(r io.Reader) (io.ReadCloser, Compression, error) {
	buffered := bufio.NewReaderSize(r, copyBuffer)
	start, err := buffered.Peek(tarBlock)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	kind := compressionOf(start)
	switch kind {
	case "":
		return nil, "", notAnArchive(start)
	case Uncompressed:
		return io.NopCloser(buffered), kind, nil
	}
	decoder, release, err := newDecoder(kind, buffered)
	if err != nil {
		return nil, "", decoderFault(err)
	}
	// The decoder runs in a goroutine, where a panic would end the program.
	decoder = fault.Contained(string(kind)+" decoder", decoder)
	return decompressor{readAhead(buffersOf(decoderBuffers, decoderBuffer), wrapped(decoder)), release}, kind, nil
}

// newDecoder makes the decoder of a compression. release frees what it holds.
func newDecoder(kind Compression, source io.Reader) (decoder io.Reader, release func(), err error) {
	defer fault.Contain(string(kind)+" decoder", &err)
	switch kind {
	case Gzip:
		return inflate.NewReader(source), func() {}, nil
	case Zstandard:
		decoder, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(windowMaximum))
		if err != nil {
			return nil, nil, err
		}
		return decoder, decoder.Close, nil
	case XZ:
		// It is XZ Embedded in Go, with the filters for machine code that `xz --arm` and its like use.
		decoder, err := xz.NewReader(source, windowMaximum)
		return decoder, func() {}, err
	default:
		return newPaddedBzip2(source), func() {}, nil
	}
}

const (
	layerBuffers   = 2
	layerBuffer    = 256 << 10
	decoderBuffers = 4
	decoderBuffer  = 256 << 10
)

// wrapped makes faults of a decoder's errors.
func wrapped(decoder io.Reader) func([]byte) (int, error) {
	return func(buffer []byte) (int, error) {
		n, err := decoder.Read(buffer)
		if err == nil || err == io.EOF {
			return n, err
		}
		return n, decoderFault(err)
	}
}

func decoderFault(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, xz.ErrMemlimit) {
		return refuse("package-window-too-large", "unpacking would need more than %d MiB of memory", windowMaximum>>20).
			WithHint("pack it with gwe pack, with zstd --long=27 or less, or with xz -9 or less")
	}
	return damaged(err)
}

type decompressor struct {
	*ahead
	release func()
}

func (d decompressor) Close() error {
	err := d.ahead.Close()
	d.release()
	return err
}

// compressionOf tells a compression by the first bytes of a file; "" is none that is known.
func compressionOf(start []byte) Compression {
	start = start[:min(len(start), tarBlock)]
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstandard
	case len(start) >= 4 && start[0]&0xf0 == 0x50 && bytes.Equal(start[1:4], []byte{0x2a, 0x4d, 0x18}):
		return Zstandard // a skippable frame first, as pzstd writes
	case bytes.HasPrefix(start, []byte("\xfd7zXZ\x00")):
		return XZ
	case bytes.HasPrefix(start, []byte("BZh")):
		return Bzip2
	case len(start) == tarBlock && (looksLikeTar(start) || len(bytes.Trim(start, "\x00")) == 0):
		return Uncompressed
	}
	return ""
}

// sniffed is how much of a file's start tells what it is: text may stand above an armour.
const sniffed = 16 << 10

// tarBlock is the length of a header in a tar.
const tarBlock = 512

// looksLikeTar tells a tar by the checksum of its first header: the oldest format, v7, has no other mark.
func looksLikeTar(start []byte) (looks bool) {
	var err error
	defer fault.Contain("archive/tar", &err)
	_, err = tar.NewReader(bytes.NewReader(start)).Next()
	return err == nil || errors.Is(err, io.ErrUnexpectedEOF) || string(start[257:262]) == "ustar"
}
