package bundle

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// blockSize is the unit of the digests: small, for several blocks are in memory at once.
const blockSize = 256 << 10

// digests vouch, in the second pass, for what the first pass read. They are AES-GMAC (NIST SP 800-38D) under
// a random key of this process, with the block's number as nonce: whoever can write to the file cannot know
// the key, and so cannot make a block with the same digest. It is several times as fast as a plain hash would
// be, and hashing is what a pass costs.
type digests struct {
	mac    cipher.AEAD
	blocks [][aes.BlockSize]byte
	// whole is the file's own digest, where somebody wants to know it; else nil.
	whole hash.Hash
}

func newDigests(size int64) (*digests, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	mac, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &digests{mac: mac, blocks: make([][aes.BlockSize]byte, 0, (size+blockSize-1)/blockSize)}, nil
}

func (d *digests) of(index int64, block []byte) (digest [aes.BlockSize]byte) {
	var nonce [12]byte
	binary.BigEndian.PutUint64(nonce[4:], uint64(index))
	d.mac.Seal(digest[:0], nonce[:], nil, block)
	return digest
}

// keep takes the next block of the first pass.
func (d *digests) keep(block []byte) {
	d.blocks = append(d.blocks, d.of(int64(len(d.blocks)), block))
	if d.whole != nil {
		d.whole.Write(block)
	}
}

// known makes sure that a block is as it was in the first pass. Where there was none, digests are nil, and
// any block is.
func (d *digests) known(index int64, block []byte) bool {
	return d == nil || d.of(index, block) == d.blocks[index]
}

// sum gives the digest of all that was kept, "" where nobody wants to know it.
func (d *digests) sum() string {
	if d.whole == nil {
		return ""
	}
	return hex.EncodeToString(d.whole.Sum(nil))
}

// rawReader reads a package's file block by block, in a goroutine of its own. In the first pass (record) it
// keeps the digests, in the second it hands a block on only when its digest is the same again.
type rawReader struct {
	*ahead
	position atomic.Int64

	mutex sync.Mutex
	fault error
}

func (p *Package) raw(ctx context.Context, known *digests, record bool) *rawReader {
	r := &rawReader{}
	var index int64
	fill := func(buffer []byte) (int, error) {
		length, err := p.readBlock(ctx, index, buffer)
		switch {
		case err != nil:
		case record:
			known.keep(buffer[:length])
		case !known.known(index, buffer[:length]):
			err = p.otherBlock(index)
		}
		if err != nil && err != io.EOF {
			r.keep(err)
			return 0, err
		}
		index++
		r.position.Add(int64(length))
		return length, err
	}
	// The two passes share their buffers: without that, half of the memory would be garbage of the first one.
	if p.buffers == nil {
		p.buffers = buffersOf(3, blockSize)
	}
	r.ahead = readAhead(p.buffers, fill)
	return r
}

// readBlock gives the block of that number, short only at the end of the file as it was opened; after that
// io.EOF.
func (p *Package) readBlock(ctx context.Context, index int64, buffer []byte) (int, error) {
	if ctx.Err() != nil {
		return 0, fault.New(fault.Interrupted, "interrupted", "reading %s was interrupted", p.path).WithCause(context.Cause(ctx))
	}
	start := index * blockSize
	if start >= p.size {
		return 0, io.EOF
	}
	want := min(blockSize, p.size-start)
	length, err := p.file.Within(ctx).ReadAt(buffer[:want], start)
	switch {
	case int64(length) == want:
		return length, nil
	case fault.As(err) != nil: // it does not answer
		return 0, err
	case errors.Is(err, io.EOF):
		return 0, p.changed("it became shorter")
	default:
		return 0, fault.New(fault.Errored, "package-unreadable", "cannot read %s", p.path).WithCause(err)
	}
}

// sameSize makes sure that the file did not change its size since it was opened.
func (p *Package) sameSize() error {
	info, err := p.file.Now()
	if fault.As(err) != nil {
		return err
	}
	if err != nil {
		return fault.New(fault.Errored, "package-unreadable", "cannot read %s", p.path).WithCause(err)
	}
	if info.Size() != p.size {
		return p.changed("it had %d bytes and has %d now", p.size, info.Size())
	}
	return nil
}

func (p *Package) otherBlock(index int64) error {
	return p.changed("block %d is not what was verified", index)
}

func (p *Package) changed(format string, arguments ...any) error {
	return fault.New(fault.Refused, "package-changed", "%s changed while it was read", p.path).
		WithCause(fault.New(fault.Refused, "package-changed", format, arguments...)).
		WithHint("nothing else may write to the file: fetch it under another name, rename it when it is complete, and try again")
}

func (r *rawReader) keep(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

// trouble gives the fault that the file itself caused, which explains any error of the layers above; nil is
// none.
func (r *rawReader) trouble() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.fault
}

// openRegular opens a regular file for reading. It waits neither for a pipe or a device nor for a file system
// that does not answer, beyond the context and regular.Patience.
func openRegular(ctx context.Context, path, code string) (*regular.Foreign, int64, error) {
	file, err := regular.OpenForeign(ctx, path)
	if err == nil {
		info, err := file.Stat()
		return file, info.Size(), err
	}
	found := fault.As(err)
	switch {
	case found != nil && found.Code == "not-a-regular-file":
		return nil, 0, fault.New(fault.Refused, code+"-not-a-file", "%s is not a regular file", path).
			WithHint("name the file itself; what comes through a pipe has to be stored first")
	case found != nil:
		return nil, 0, err
	case errors.Is(err, os.ErrNotExist):
		return nil, 0, fault.New(fault.Refused, code+"-missing", "there is no file %s", path).
			WithHint("see that the path is right, and that what it lies on is mounted")
	}
	return nil, 0, fault.New(fault.Refused, code+"-unreadable", "cannot open %s", path).WithCause(err).
		WithHint("let the user who runs gwe read it")
}
