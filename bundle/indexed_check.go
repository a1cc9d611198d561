package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"iter"
	"strings"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

// Prove reads a verified package once more, and makes sure that its index and its tar describe one tree:
// that the key that signed the package signed the index, that every frame and every file has its digest,
// and that each entry of the tar is the index's. progress, which may be nil, is told how many bytes were
// read, of how many.
//
// The faults are index-signer-differs, index-other-package, index-tree, and those of the frames.
func (x *Indexed) Prove(ctx context.Context, verified *Verified, progress func(current, total int64)) error {
	if x.Signer.Fingerprint != verified.Signer.Fingerprint {
		return refuse("index-signer-differs", "the package is signed by %s and its index by %s", verified.Signer.Fingerprint, x.Signer.Fingerprint).
			WithHint("pack the package again with gwe pack")
	}
	content, err := verified.Content(ctx)
	if err != nil {
		return err
	}
	defer content.Close()
	frames := &frameReader{indexed: x, source: bufio.NewReaderSize(content, copyBuffer), sum: sha256.New(), after: func() {
		if progress != nil {
			progress(verified.Position(), verified.Size())
		}
	}}
	if err := x.proveTar(frames); err != nil {
		return err
	}
	if frames.digest() != x.Sum {
		return otherPackage("the content of %s does not have the digest that its index gives", x.path)
	}
	rest, err := io.ReadAll(io.LimitReader(frames.source, index.MessageMaximum+1))
	if err != nil {
		return err
	}
	if !bytes.Equal(rest, index.Wrap(x.message)) {
		return refuse("index-second", "%s holds something else than its index after its frames", x.path).WithHint("pack the package again with gwe pack")
	}
	return nil
}

// frameReader gives the tar, frame after frame, each one checked.
type frameReader struct {
	indexed *Indexed
	source  *bufio.Reader
	sum     hash.Hash
	next    int
	buffer  []byte
	rest    []byte
	// read is how many bytes of the tar were handed out.
	read  int64
	after func()
}

func (r *frameReader) digest() (sum index.Digest) {
	r.sum.Sum(sum[:0])
	return sum
}

func (r *frameReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.next == len(r.indexed.Frames) {
			return 0, io.EOF
		}
		one := r.indexed.Frames[r.next]
		if int64(cap(r.buffer)) < one.Length {
			r.buffer = make([]byte, longest(r.indexed.Frames))
		}
		compressed := r.buffer[:one.Length]
		if _, err := io.ReadFull(r.source, compressed); err != nil {
			return 0, indexUnread(r.indexed.path, truncated(err))
		}
		r.sum.Write(compressed)
		decoded, err := r.indexed.frames.decoder.Decode(r.next, one, compressed)
		if err == nil {
			err = one.CheckContent(r.next, decoded)
		}
		if err != nil {
			return 0, err
		}
		r.rest = decoded
		r.next++
		r.after()
	}
	n := copy(p, r.rest)
	r.rest, r.read = r.rest[n:], r.read+int64(n)
	return n, nil
}

// proveTar compares the tar with the index, entry by entry.
func (x *Indexed) proveTar(frames *frameReader) (err error) {
	defer fault.Contain("archive/tar", &err)
	reader := tar.NewReader(frames)
	next, stop := iter.Pull(x.Entries())
	defer stop()
	for {
		header, err := reader.Next()
		expected, more := next()
		switch {
		case errors.Is(err, io.EOF) && !more:
			return x.proveEnd(frames)
		case errors.Is(err, io.EOF):
			return differs("the tar ends before %q", expected.Path)
		case err != nil:
			return damaged(err)
		case !more:
			return differs("the tar has %q, which the index does not have", header.Name)
		}
		found := indexEntry(header)
		found.Notes = expected.Notes
		top, _, _ := strings.Cut(header.Name, "/")
		if found.Kind == index.HardLink && !strings.HasPrefix(header.Linkname, x.Name+"/") {
			top = ""
		}
		if found.Size > 0 {
			found.At = frames.read
		}
		if found.Kind == index.File {
			sum := sha256.New()
			if _, err := io.Copy(sum, reader); err != nil {
				return damaged(err)
			}
			sum.Sum(found.Sum[:0])
		}
		if top != x.Name || !found.Equal(expected) {
			return differs("they differ in %q", header.Name)
		}
	}
}

// proveEnd makes sure that nothing but zeros follows the last entry.
func (x *Indexed) proveEnd(frames *frameReader) error {
	buffer := make([]byte, copyBuffer)
	for {
		n, err := frames.Read(buffer)
		if len(bytes.Trim(buffer[:n], "\x00")) > 0 {
			return differs("something follows the end of the tar")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func differs(format string, arguments ...any) *fault.Fault {
	return refuse("index-tree", "the package's index and its tar do not describe the same tree: "+format, arguments...).
		WithHint("pack the package again with gwe pack")
}
