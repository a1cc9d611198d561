package archive

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/xattr"
)

// twin is the running release's file of the same path, with the same size, mode, owner and times as the
// entry. Whether the content is the same too is found out while the entry streams by; until the first
// difference nothing is written.
type twin struct {
	handle    int
	path      string
	directory int
	status    unix.Stat_t
}

// twinOf finds the twin of an entry, or nil.
func (x *extraction) twinOf(e entry, wanted attributes) *twin {
	if x.old == nil || isSparse(e.Header) || x.copies.match(e.parts) {
		return nil
	}
	directory, err := x.old.at(e.directory())
	if err != nil {
		return nil
	}
	t := &twin{directory: directory, path: e.path()}
	if unix.Fstatat(directory, e.base(), &t.status, unix.AT_SYMLINK_NOFOLLOW) != nil || !wanted.fits(&t.status, e.Size) {
		return nil
	}
	if t.handle, err = openIn(directory, e.base(), unix.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil
	}
	// The name may stand for another file by now; what counts is the one that is open.
	if unix.Fstat(t.handle, &t.status) != nil || !wanted.fits(&t.status, e.Size) {
		t.close()
		return nil
	}
	if extended, err := x.extendedOf(t.handle); err != nil || !xattr.Equal(extended, wanted.extended) {
		t.close()
		return nil
	}
	return t
}

func (t *twin) close() { _ = unix.Close(t.handle) }

// fits reports whether a file is regular and has these attributes, as far as the status shows them, and this
// size.
func (a attributes) fits(status *unix.Stat_t, size int64) bool {
	is := attributesFrom(status)
	return status.Mode&unix.S_IFMT == unix.S_IFREG && status.Size == size &&
		is.mode == a.mode && is.uid == a.uid && is.gid == a.gid && is.modified == a.modified
}

// sameness is how far an entry and its twin are the same.
type sameness struct {
	// whole is true where all of it is; else length bytes are, and rest is what of the entry was read beyond
	// them.
	whole  bool
	length int64
	rest   []byte
	// sum is the CRC of the bytes that are the same.
	sum uint32
}

// compare reads the entry and its twin side by side, up to the end or to the first block that differs.
func (x *extraction) compare(ctx context.Context, content io.Reader, t *twin) (sameness, error) {
	var same sameness
	for same.length < t.status.Size {
		if err := ctx.Err(); err != nil {
			return same, err
		}
		block := x.buffer[:min(t.status.Size-same.length, blockSize)]
		if n, err := io.ReadFull(content, block); err != nil {
			return same, broken(err, n)
		}
		n, err := readAt(t.handle, x.other[:len(block)], same.length)
		if err != nil || !bytes.Equal(block, x.other[:n]) {
			// An unreadable twin is no reason to fail before the commit: the entry itself is at hand.
			same.rest = bytes.Clone(block)
			return same, nil
		}
		same.sum = crc32.Update(same.sum, castagnoli, block)
		same.length += int64(len(block))
		if x.here != nil {
			x.here()
		}
	}
	same.whole = true
	return same, nil
}

// prefix reads the bytes that were found the same once more, from the twin: the stream is past them. They
// must still have the CRC that they had.
type prefix struct {
	twin *twin
	same sameness
	at   int64
	sum  uint32
}

func (p *prefix) Read(into []byte) (int, error) {
	if p.at == p.same.length {
		if p.sum != p.same.sum {
			return 0, changing(p.twin.path)
		}
		return 0, io.EOF
	}
	wanted := into[:min(int64(len(into)), p.same.length-p.at)]
	n, err := readAt(p.twin.handle, wanted, p.at)
	if err != nil || n == 0 {
		return 0, changing(p.twin.path)
	}
	p.sum = crc32.Update(p.sum, castagnoli, wanted[:n])
	p.at += int64(n)
	return n, nil
}

func readAt(handle int, into []byte, at int64) (int, error) {
	read := 0
	for read < len(into) {
		n, err := unix.Pread(handle, into[read:], at+int64(read))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return read, err
		}
		read += n
	}
	return read, nil
}

// link makes the entry a hard link to its twin, and records that. Where the file system does not let it (too
// many links, another mount, somebody else's file), linked is false, and the file is copied.
func (x *extraction) link(e entry, t *twin, same sameness, above int) (linked bool, err error) {
	err = durable.Repeat(func() error { return unix.Linkat(t.directory, e.base(), above, e.base(), 0) })
	if errors.Is(err, unix.EEXIST) {
		return false, duplicate(e)
	}
	for _, no := range []error{unix.EMLINK, unix.EXDEV, unix.EPERM, unix.EACCES, unix.EOPNOTSUPP, unix.ENOENT} {
		if errors.Is(err, no) {
			return false, nil
		}
	}
	if err != nil {
		return false, x.entryError(e, &os.LinkError{Op: "link", Old: t.path, New: e.Name, Err: err})
	}
	var now unix.Stat_t
	if err := unix.Fstatat(above, e.base(), &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, x.entryError(e, err)
	}
	if now.Ino != t.status.Ino || now.Dev != t.status.Dev {
		// Somebody has put another file in the twin's place since it was opened. The open one is the one that
		// was compared.
		err := durable.Repeat(func() error { return unix.Unlinkat(above, e.base(), 0) })
		return false, x.entryError(e, err)
	}
	x.linked++
	if err := x.sums.Add("", e.path(), same.sum); err != nil {
		return false, err
	}
	return true, x.shares.add(shared{
		Path: t.path, Inode: now.Ino, Size: t.status.Size, Mode: t.status.Mode & 0o7777,
		UID: int(t.status.Uid), GID: int(t.status.Gid), Modified: t.status.Mtim,
		Changed: now.Ctim, Sum: same.sum,
	})
}
