package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
)

// IsZip tells by the first bytes whether the package is a zip archive, which is read in any order.
func (p *Pinned) IsZip() (bool, error) {
	start, err := p.source.start()
	return p.framing == framingNone && looksLikeZip(start), err
}

func looksLikeZip(start []byte) bool {
	return bytes.HasPrefix(start, []byte("PK\x03\x04")) || bytes.HasPrefix(start, []byte("PK\x05\x06"))
}

// Random is the second pass in any order, over the bytes of the file itself. As in Content, only blocks whose
// digests are as in the first pass get through. It is for one reader at a time, and keeps one block.
func (p *Pinned) Random(ctx context.Context) (io.ReaderAt, error) {
	if err := p.source.sameSize(); err != nil {
		return nil, err
	}
	p.position = &atomic.Int64{}
	return &random{ctx: ctx, pinned: p, block: make([]byte, blockSize), index: -1}, nil
}

type random struct {
	ctx    context.Context
	pinned *Pinned
	block  []byte
	length int
	index  int64
}

// ReadAt gives io.EOF at the end of the file, as io.ReaderAt has it.
func (r *random) ReadAt(into []byte, at int64) (int, error) {
	if at < 0 {
		// What a damaged directory makes archive/zip ask for; os.File.ReadAt answers so too.
		return 0, &os.PathError{Op: "readat", Path: r.pinned.source.path, Err: errors.New("negative offset")}
	}
	read := 0
	for read < len(into) {
		index, offset := (at+int64(read))/blockSize, (at+int64(read))%blockSize
		if err := r.load(index); err != nil {
			return read, err
		}
		if offset >= int64(r.length) {
			return read, io.EOF
		}
		read += copy(into[read:], r.block[offset:r.length])
	}
	return read, nil
}

// load makes the block of that number the present one.
func (r *random) load(index int64) error {
	if index == r.index {
		return nil
	}
	r.index = -1
	length, err := r.pinned.source.readBlock(r.ctx, index, r.block)
	if err != nil {
		return err
	}
	if !r.pinned.digests.known(index, r.block[:length]) {
		return r.pinned.source.otherBlock(index)
	}
	r.index, r.length = index, length
	r.pinned.position.Store(min(r.pinned.source.size, (index+1)*blockSize))
	return nil
}
