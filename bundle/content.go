package bundle

import (
	"bufio"
	"context"
	"io"

	"github.com/gwe-project/gwe/engine/fault"
)

// Content is the second pass: it gives the compressed tar, decrypted and without its OpenPGP framing. Only blocks whose
// digests are as in the first pass get through; a change is the fault package-changed. It may be called again when the
// reader before was closed.
func (v *Verified) Content(ctx context.Context) (io.ReadCloser, error) {
	if err := v.source.sameSize(); err != nil {
		return nil, err
	}
	raw := v.source.raw(ctx, v.digests, false)
	v.current = raw
	c := &content{source: v.source, raw: raw, inside: raw}
	if v.framing == framingNone {
		return c, nil
	}
	m, _, err := openFraming(bufio.NewReaderSize(raw, copyBuffer), v.framing, unlocked(v.session), false)
	if err != nil {
		raw.Close()
		return nil, v.source.diagnose(raw, err)
	}
	c.inside = m.content
	if len(m.layers) > 0 {
		// Decrypting runs beside decompressing.
		c.layers = readAhead(buffersOf(layerBuffers, layerBuffer), m.content.Read)
		c.inside = c.layers
	}
	return c, nil
}

// Position is how many bytes of the file the present pass has read. It may be called while the content is read.
func (v *Verified) Position() int64 { return v.current.position.Load() }

// Size is the file's length in bytes.
func (v *Verified) Size() int64 { return v.source.size }

type content struct {
	source *Package
	raw    *rawReader
	inside io.Reader
	// layers is nil where there is neither encryption nor OpenPGP compression.
	layers *ahead
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.inside.Read(p)
	if err != nil && err != io.EOF {
		return n, c.source.diagnose(c.raw, err)
	}
	return n, err
}

func (c *content) Close() error {
	if c.layers != nil {
		// Its producer may be waiting for a block, and gets it or an error.
		c.layers.Close()
	}
	return c.raw.Close()
}

// damaged is the fault of a signed package whose inside is not what it should be.
func damaged(err error) error {
	if found := fault.As(err); found != nil {
		return err
	}
	return fault.New(fault.Failed, "archive-damaged", "the signed package holds a damaged archive").WithCause(truncated(err)).
		WithHint("it was damaged before it was signed: pack it again")
}
