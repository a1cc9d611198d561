package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// earlySize is from which size on a file goes to the disk early. Small ones are better written together.
const earlySize = 1 << 20

// castagnoli is the CRC for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file makes a regular file: a hard link to the running release's file where that is equal, a new file where
// not.
func (x *extraction) file(ctx context.Context, e entry, wanted attributes, content io.Reader) error {
	if err := x.count(e.Size); err != nil {
		return err
	}
	above, err := x.into.at(e.directory())
	if err != nil {
		return x.entryError(e, err)
	}
	if e.path() == copyList {
		if content, err = x.readCopyList(e, content); err != nil {
			return err
		}
	}
	if known, is := content.(*indexContent); is {
		return x.indexedFile(ctx, e, wanted, above, known)
	}
	twin := x.twinOf(e, wanted)
	if twin == nil {
		return x.write(ctx, e, wanted, above, content)
	}
	defer twin.close()
	same, err := x.compare(ctx, content, twin)
	if err != nil {
		return damaged(err)
	}
	if same.whole {
		if linked, err := x.link(e, twin, same, above); linked || err != nil {
			return err
		}
	}
	return x.write(ctx, e, wanted, above, io.MultiReader(&prefix{twin: twin, same: same}, bytes.NewReader(same.rest), content))
}

// count adds a file's size to the sum, which has a limit.
func (x *extraction) count(size int64) error {
	if size > x.limit-x.bytes {
		return tooLarge(x.limit)
	}
	x.bytes += size
	return nil
}

// write makes a new file with that content.
func (x *extraction) write(ctx context.Context, e entry, wanted attributes, above int, content io.Reader) error {
	handle, err := openIn(above, e.base(), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return x.entryError(e, err)
	}
	err = x.fill(ctx, e, handle, content)
	if err == nil && e.Size >= earlySize {
		// The disk begins while the next files are unpacked. It is a hint: the syncfs at the end tells of
		// errors.
		_ = unix.SyncFileRange(handle, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	}
	if err == nil {
		err = wanted.apply(handle, e.base(), x.owners)
	}
	if closed := unix.Close(handle); err == nil && closed != nil {
		err = &os.PathError{Op: "close", Path: e.path(), Err: closed}
	}
	return x.entryError(e, err)
}

// fill writes the entry's content. The holes of a sparse file stay holes.
func (x *extraction) fill(ctx context.Context, e entry, handle int, content io.Reader) error {
	sparse, sum := isSparse(e.Header), uint32(0)
	for at := int64(0); at < e.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := x.buffer[:min(e.Size-at, blockSize)]
		if n, err := io.ReadFull(content, block); err != nil {
			return broken(err, n)
		}
		sum = crc32.Update(sum, castagnoli, block)
		if !sparse || !zero(block) {
			if err := writeAt(handle, block, at); err != nil {
				return &os.PathError{Op: "write", Path: e.path(), Err: err}
			}
		}
		at += int64(len(block))
		if x.here != nil {
			x.here()
		}
	}
	x.sum = sum
	if err := x.sums.Add("", e.path(), sum); err != nil {
		return err
	}
	if sparse {
		return os.NewSyscallError("ftruncate", durable.Repeat(func() error { return unix.Ftruncate(handle, e.Size) }))
	}
	return nil
}

// isSparse reports whether the archive stores the file with holes, in GNU's own format or in PAX records.
func isSparse(header *tar.Header) bool {
	return header.Typeflag == tar.TypeGNUSparse || header.PAXRecords["GNU.sparse.major"] != "" ||
		header.PAXRecords["GNU.sparse.size"] != ""
}

// broken is for a content that ends too soon.
func broken(err error, n int) error {
	if errors.Is(err, io.EOF) && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	return damaged(err)
}

func writeAt(handle int, block []byte, at int64) error {
	for len(block) > 0 {
		n, err := unix.Pwrite(handle, block, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		block, at = block[n:], at+int64(n)
	}
	return nil
}

// zero reports whether a block is a hole.
func zero(block []byte) bool {
	for _, b := range block {
		if b != 0 {
			return false
		}
	}
	return true
}

// readCopyList takes the package's own list of files to copy into account, and gives its content back.
func (x *extraction) readCopyList(e entry, content io.Reader) (io.Reader, error) {
	if e.Size > longestCopyList {
		return nil, refuse(e.Header, "copy-pattern", "a list of files to copy has at most %d bytes", longestCopyList)
	}
	text := make([]byte, e.Size)
	if n, err := io.ReadFull(content, text); err != nil && e.Size > 0 {
		return nil, broken(err, n)
	}
	list, err := parseCopyList(string(text))
	if err != nil {
		return nil, refuse(e.Header, "copy-pattern", "it is not a list of patterns").WithCause(err)
	}
	both, grown := x.copies.with(list)
	x.copies = both
	if grown && x.linked > 0 {
		return nil, errLateCopies
	}
	return bytes.NewReader(text), nil
}

// changing is the fault for a running release that changes under our eyes.
func changing(path string) error {
	return fault.New(fault.Failed, "release-changing", "the running release's file %q changed while it was being read", path).
		WithHint("name it in `copy`, or in the package's %s: then it is neither read nor linked", copyList)
}
