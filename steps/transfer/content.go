package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// early is the size from which a file starts on its way to the disk before the rest of the tree is copied.
const early = 1 << 20

// stride is how much is copied or compared between two looks at whether to stop.
const stride = 8 << 20

// copier copies contents.
type copier struct {
	ctx context.Context
	// noClone and noKernel are set once the file systems have said that they cannot.
	noClone, noKernel bool
	buffer            []byte
}

// copy copies the first size bytes of one file to another, a new one, with its holes.
func (c *copier) copy(to, from int, status *unix.Stat_t) error {
	size := status.Size
	if size == 0 {
		return nil
	}
	if !c.noClone {
		if unix.IoctlFileClone(to, from) == nil {
			return nil
		}
		c.noClone = true
	}
	if int64(status.Blocks)*512 >= size {
		if err := c.span(to, from, 0, size); err != nil {
			return err
		}
	} else if err := c.sparse(to, from, size); err != nil {
		return err
	}
	if size >= early {
		// It only starts the writing. Whether all was written, syncfs tells.
		_ = unix.SyncFileRange(to, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	}
	return nil
}

// sparse copies what is data, and leaves holes where the original has them.
func (c *copier) sparse(to, from int, size int64) error {
	for at := int64(0); at < size; {
		data, err := unix.Seek(from, at, unix.SEEK_DATA)
		if errors.Is(err, syscall.ENXIO) {
			break // the rest is a hole
		}
		if err != nil {
			return c.span(to, from, at, size) // a file system that tells nothing of holes
		}
		hole, err := unix.Seek(from, data, unix.SEEK_HOLE)
		if err != nil {
			return os.NewSyscallError("lseek", err)
		}
		at = min(hole, size)
		if err := c.span(to, from, data, at); err != nil {
			return err
		}
	}
	return os.NewSyscallError("ftruncate", durable.Repeat(func() error { return unix.Ftruncate(to, size) }))
}

// span copies the bytes from at to end.
func (c *copier) span(to, from int, at, end int64) error {
	for at < end && !c.noKernel {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		in, out := at, at
		count, err := unix.CopyFileRange(from, &in, to, &out, int(min(end-at, stride)), 0)
		switch {
		case err == syscall.EINTR:
		case err == syscall.ENOSYS, err == syscall.EXDEV, err == syscall.EINVAL, err == syscall.EOPNOTSUPP, err == syscall.EPERM:
			c.noKernel = true
		case err != nil:
			return os.NewSyscallError("copy_file_range", err)
		case count == 0:
			return nil // the source has become shorter; the caller sees that
		default:
			at += int64(count)
		}
	}
	if c.buffer == nil && at < end {
		c.buffer = make([]byte, 256<<10)
	}
	for stop := at; at < end; {
		if at >= stop {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			stop = at + stride
		}
		var count int
		err := durable.Repeat(func() (err error) {
			count, err = unix.Pread(from, c.buffer[:min(int64(len(c.buffer)), end-at)], at)
			return err
		})
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if count == 0 {
			return nil
		}
		for rest := c.buffer[:count]; len(rest) > 0; {
			written, err := unix.Pwrite(to, rest, at)
			if err != nil && err != syscall.EINTR {
				return os.NewSyscallError("write", err)
			}
			written = max(written, 0)
			rest, at = rest[written:], at+int64(written)
		}
	}
	return nil
}

// unchanged fails where the open file is not what it was when it was looked at first.
func unchanged(handle int, way string, before *unix.Stat_t) error {
	var now unix.Stat_t
	if err := unix.Fstat(handle, &now); err != nil {
		return &os.PathError{Op: "stat", Path: way, Err: err}
	}
	if now.Size == before.Size && now.Mtim == before.Mtim && now.Ino == before.Ino && now.Dev == before.Dev {
		return nil
	}
	return fault.New(fault.Failed, "rsync-source-changed", "%q changed while it was copied", way).
		WithHint("stop what writes there, or copy from a snapshot, and run again")
}

// sameContent compares two files of one size byte by byte; the buffers are made where there are none.
func sameContent(ctx context.Context, buffers *[2][]byte, directory int, name string, other int, otherName string) (bool, error) {
	var files [2]*os.File
	for i, place := range []struct {
		directory int
		name      string
	}{{directory, name}, {other, otherName}} {
		handle, err := openAt(place.directory, place.name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return false, err
		}
		files[i] = os.NewFile(uintptr(handle), place.name)
		defer files[i].Close()
		// It was a file when the directory was listed. A FIFO that took its place would keep the reader
		// waiting.
		if info, err := files[i].Stat(); err != nil || !info.Mode().IsRegular() {
			return false, err
		}
	}
	if buffers[0] == nil {
		*buffers = [2][]byte{make([]byte, 128<<10), make([]byte, 128<<10)}
	}
	left, right := buffers[0], buffers[1]
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		count, err := io.ReadFull(files[0], left)
		other, otherErr := io.ReadFull(files[1], right)
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return false, err
		}
		if otherErr != nil && otherErr != io.EOF && otherErr != io.ErrUnexpectedEOF {
			return false, otherErr
		}
		if !bytes.Equal(left[:count], right[:other]) {
			return false, nil
		}
		if ended {
			return true, nil
		}
	}
}
