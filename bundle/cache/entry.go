package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
)

// Entry is an artifact that is open and locked: no process removes it.
type Entry struct {
	Key Key
	// Size is its length in bytes.
	Size  int64
	cache *Cache
	file  *os.File
}

// Path is where its file lies.
func (e *Entry) Path() string { return e.file.Name() }

// Close lets go of the entry.
func (e *Entry) Close() { _ = e.file.Close() }

// Copy writes the entry to a new file of that name, mode 0600, and verifies it meanwhile. The caller makes it
// durable. digest is its SHA-256 in hex digits. Where the content is another one nothing is left of the copy,
// the entry is removed, and IsDamaged reports the error.
func (e *Entry) Copy(ctx context.Context, to *openat.Dir, name string, progress func(done, total int64)) (digest string, err error) {
	target, err := to.Create(name, 0o600)
	if err != nil {
		return "", durable.Explain(err, "cannot write %s", to.Join(name))
	}
	digest, err = e.read(ctx, target, progress)
	if closed := target.Close(); err == nil {
		err = closed
	}
	if err == nil {
		return digest, nil
	}
	if removed := to.Remove(name); removed != nil {
		err = errors.Join(err, removed)
	}
	return "", durableUnless(ctx, err, "cannot copy %s from the cache to %s", e.Key, to.Join(name))
}

// Verify reads the entry. Where the content is another one it is removed, and IsDamaged reports the error.
func (e *Entry) Verify(ctx context.Context, progress func(done, total int64)) error {
	_, err := e.read(ctx, io.Discard, progress)
	return durableUnless(ctx, err, "cannot read %s in the cache", e.Key)
}

func (e *Entry) read(ctx context.Context, to io.Writer, progress func(done, total int64)) (string, error) {
	sum, plain := e.Key.sum(), sha256.New()
	buffer := make([]byte, 256<<10)
	for done := int64(0); ; {
		n, err := e.file.ReadAt(buffer, done)
		_, _ = sum.Write(buffer[:n])
		_, _ = plain.Write(buffer[:n])
		if _, err := to.Write(buffer[:n]); err != nil {
			return "", err
		}
		done += int64(n)
		progress(done, e.Size)
		if ended := ctx.Err(); ended != nil {
			return "", ended
		}
		if errors.Is(err, io.EOF) || done > e.Size {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if e.Key.is(sum) {
		return hex.EncodeToString(plain.Sum(nil)), nil
	}
	if err := os.Remove(e.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return "", fault.New(fault.Failed, "cache-damaged", "the entry %s of the cache %s had another content, and was removed", e.Key, e.cache.path).
		WithHint("the storage may be failing: see the kernel's log")
}

// IsDamaged reports whether an error is that of an entry with another content, which is removed by now.
func IsDamaged(err error) bool {
	found := fault.As(err)
	return found != nil && found.Code == "cache-damaged"
}
