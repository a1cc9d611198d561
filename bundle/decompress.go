package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"

	"github.com/gwe-project/gwe/bundle/inflate"
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

// windowMaximum is the largest zstd window, and the largest xz dictionary, that is accepted: what `zstd --ultra -22` uses,
// and twice what `xz -9` does. It is the most memory that a package can ask for; gwe pack writes windows of 4 MiB at most.
const windowMaximum = 128 << 20

// Decompress tells the compression by the first bytes and gives the tar. Decompression runs in a goroutine of its own, a
// few buffers ahead; Close ends it and leaves r open. A damaged stream is the fault archive-damaged.
func Decompress(r io.Reader) (io.ReadCloser, Compression, error) {
	buffered := bufio.NewReaderSize(r, copyBuffer)
	start, err := buffered.Peek(tarBlock)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	kind := compressionOf(start)
	switch kind {
	case Gzip:
		decoder := inflate.NewReader(buffered)
		return decompressor{readAhead(buffersOf(decoderBuffers, decoderBuffer), wrapped(decoder)), func() {}}, kind, nil
	case Zstandard:
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(windowMaximum))
		if err != nil {
			return nil, "", damaged(err)
		}
		return decompressor{readAhead(buffersOf(decoderBuffers, decoderBuffer), wrapped(decoder)), decoder.Close}, kind, nil
	case XZ:
		// It is XZ Embedded in Go, with the filters for machine code that `xz --arm` and its like use.
		decoder, err := xz.NewReader(buffered, windowMaximum)
		if err != nil {
			_, err = wrapped(failing{err})(nil)
			return nil, "", err
		}
		return decompressor{readAhead(buffersOf(decoderBuffers, decoderBuffer), wrapped(decoder)), func() {}}, kind, nil
	case Bzip2:
		decoder := bzip2.NewReader(buffered)
		return decompressor{readAhead(buffersOf(decoderBuffers, decoderBuffer), wrapped(decoder)), func() {}}, kind, nil
	case Uncompressed:
		return io.NopCloser(buffered), kind, nil
	}
	return nil, "", refuse("package-not-an-archive", "it holds no tar archive, plain or compressed with zstd, gzip, xz or bzip2").
		WithHint("make a package with gwe pack, or with tar --zstd, -z, -J or -j")
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
		switch {
		case err == nil || err == io.EOF:
			return n, err
		case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, xz.ErrMemlimit):
			return n, refuse("package-window-too-large", "unpacking would need more than %d MiB of memory", windowMaximum>>20).
				WithHint("pack it with gwe pack, with zstd --long=27 or less, or with xz -9 or less")
		default:
			return n, damaged(err)
		}
	}
}

// failing is a decoder that could not be made.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

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
	case len(start) == tarBlock && looksLikeTar(start):
		return Uncompressed
	}
	return ""
}

// tarBlock is the length of a header in a tar.
const tarBlock = 512

// looksLikeTar tells a tar by the checksum of its first header: the oldest format, v7, has no other mark.
func looksLikeTar(start []byte) bool {
	_, err := tar.NewReader(bytes.NewReader(start)).Next()
	return err == nil || errors.Is(err, io.ErrUnexpectedEOF) || string(start[257:262]) == "ustar"
}
