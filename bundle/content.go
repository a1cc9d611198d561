package bundle

import (
	"bufio"
	"context"
	"io"
	"sync/atomic"

	"github.com/gwe-project/gwe/engine/fault"
)

// Pinned is a package whose bytes a first pass has seen: only these are handed on.
type Pinned struct {
	source *Package
	// digests are nil where there was no first pass, and the file is taken as it is.
	digests *digests
	framing framing
	session *session
	// position is that of the pass under way.
	position *atomic.Int64
}

// Content is the second pass: it gives the archive, decrypted and without its OpenPGP framing. Only blocks
// whose digests are as in the first pass get through; a change is the fault package-changed. It may be called
// again when the reader before was closed.
func (p *Pinned) Content(ctx context.Context) (io.ReadCloser, error) {
	if err := p.source.sameSize(); err != nil {
		return nil, err
	}
	raw := p.source.raw(ctx, p.digests, false)
	p.position = &raw.position
	c := &content{source: p.source, raw: raw, inside: raw}
	if p.framing == framingNone {
		return c, nil
	}
	m, _, err := openFraming(bufio.NewReaderSize(raw, copyBuffer), p.framing, unlocked(p.session), false)
	if err != nil {
		raw.Close()
		return nil, p.source.diagnose(raw, err)
	}
	c.inside = m.content
	if len(m.layers) > 0 {
		// Decrypting runs beside decompressing.
		c.layers = readAhead(buffersOf(layerBuffers, layerBuffer), m.content.Read)
		c.inside = c.layers
	}
	return c, nil
}

// Position is how many bytes of the file the present pass has read. It may be called while the content is
// read.
func (p *Pinned) Position() int64 { return p.position.Load() }

// Size is the file's length in bytes.
func (p *Pinned) Size() int64 { return p.source.size }

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

// damaged is the fault of a package whose inside is not what it should be.
func damaged(err error) error {
	if found := fault.As(err); found != nil {
		return err
	}
	return fault.New(fault.Failed, "archive-damaged", "the archive is damaged").WithCause(truncated(err)).
		WithHint("fetch it again; if its signature is good, it was damaged before it was signed: pack it again")
}
