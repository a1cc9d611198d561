package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is what a journal asks of its file. A test puts one in its place that fails.
type disk interface {
	io.WriterAt
	// Sync makes durable what was written.
	Sync() error
	// Size is where the file ends.
	Size() (int64, error)
	// Allocate makes sure of blocks from 0 up to end; what is there stays.
	Allocate(end int64) error
	Truncate(size int64) error
	// Gone reports whether the file is not at its path any more.
	Gone() bool
	Close() error
}

// onDisk is a real file.
type onDisk struct{ *os.File }

func (f onDisk) Sync() error {
	return repeat(func() error { return unix.Fdatasync(int(f.Fd())) })
}

func (f onDisk) Size() (int64, error) {
	status, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return status.Size(), nil
}

// Gone asks the directory: a removed file takes records as any other, and so does one that was moved with all
// around it, but no recovery would ever find them.
func (f onDisk) Gone() bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(f.Name())
	return err == nil && !os.SameFile(mine, there) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (f onDisk) Allocate(end int64) error {
	return repeat(func() error { return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, end) })
}

// repeat calls again what a signal cut short.
func repeat(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// blank puts NULs into a file.
func blank(file disk, from, to int64) error {
	for at := from; at < to; at += chunk {
		if _, err := file.WriteAt(make([]byte, min(chunk, to-at)), at); err != nil {
			return err
		}
	}
	return nil
}
