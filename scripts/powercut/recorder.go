//go:build amd64 || arm64

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// recorder serves an image as a file of a FUSE file system, and keeps every write and flush that comes, in
// order. A loop device over that file stands for a disk with a volatile cache.
type recorder struct {
	fs.Inode
	image, log *os.File
	size       uint64

	mutex   sync.Mutex
	entries int
	failed  error
	// limit is how many entries there may be, where it is not 0. The next one closes dark, and waits for
	// light.
	limit       int
	dark, light chan struct{}
	once        sync.Once
}

// flush stands for the offset of an entry that is not a write.
const flush = ^uint64(0)

// record serves the image below the directory until end is called.
func record(directory, image, log string) (r *recorder, end func() error, err error) {
	opened, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	written, err := os.Create(log)
	if err != nil {
		return nil, nil, errors.Join(err, opened.Close())
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, opened.Close(), written.Close())
	}
	r = &recorder{image: opened, log: written, size: uint64(info.Size()), dark: make(chan struct{}), light: make(chan struct{})}
	server, err := fs.Mount(directory, &recorded{file: r}, &fs.Options{MountOptions: fuse.MountOptions{MaxWrite: 1 << 20, DisableSplice: true, DirectMount: true, FsName: "powercut"}})
	if err != nil {
		return nil, nil, errors.Join(err, opened.Close(), written.Close())
	}
	return r, func() error { return errors.Join(server.Unmount(), opened.Close(), written.Close()) }, nil
}

// recorded is the root directory, with one file in it: disk.
type recorded struct {
	fs.Inode
	file *recorder
}

func (r *recorded) OnAdd(ctx context.Context) {
	r.AddChild("disk", r.NewPersistentInode(ctx, r.file, fs.StableAttr{Mode: syscall.S_IFREG, Ino: 2}), true)
}

func (r *recorder) attributes(out *fuse.AttrOut) { out.Mode, out.Size = 0o600, r.size }

func (r *recorder) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	r.attributes(out)
	return 0
}

func (r *recorder) Setattr(_ context.Context, _ fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	r.attributes(out)
	return 0
}

func (r *recorder) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (r *recorder) Read(_ context.Context, _ fs.FileHandle, buffer []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	n, err := r.image.ReadAt(buffer, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, syscall.EIO
	}
	return fuse.ReadResultData(buffer[:n]), 0
}

func (r *recorder) Write(_ context.Context, _ fs.FileHandle, data []byte, offset int64) (uint32, syscall.Errno) {
	if !r.begin() {
		return 0, syscall.EIO
	}
	defer r.mutex.Unlock()
	if _, err := r.image.WriteAt(data, offset); err != nil {
		return 0, syscall.EIO
	}
	r.keep(uint64(offset), data)
	return uint32(len(data)), 0
}

func (r *recorder) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if !r.begin() {
		return syscall.EIO
	}
	defer r.mutex.Unlock()
	r.keep(flush, nil)
	return 0
}

// endBehind lets only so many more entries come, one at least.
func (r *recorder) endBehind(more int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.limit = r.entries + more
}

// release lets whoever waits go: the machine after it must be gone, because it would be told of an error.
func (r *recorder) release() { r.once.Do(func() { close(r.light) }) }

// begin begins an entry and locks the recorder, or waits until the machine is gone.
func (r *recorder) begin() bool {
	r.mutex.Lock()
	if r.limit == 0 || r.entries < r.limit {
		return true
	}
	select {
	case <-r.dark:
	default:
		close(r.dark)
	}
	r.mutex.Unlock()
	<-r.light
	return false
}

// Allocate is refused: what discards leave behind is anybody's guess.
func (r *recorder) Allocate(context.Context, fs.FileHandle, uint64, uint64, uint32) syscall.Errno {
	return syscall.EOPNOTSUPP
}

func (r *recorder) keep(offset uint64, data []byte) {
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:8], offset)
	binary.LittleEndian.PutUint64(head[8:], uint64(len(data)))
	_, err := r.log.Write(append(head[:], data...))
	r.failed = errors.Join(r.failed, err)
	r.entries++
}

// count is how many writes and flushes there were so far.
func (r *recorder) count() (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.entries, r.failed
}

// entry is one write, or a flush.
type entry struct {
	offset uint64
	data   []byte
}

// readLog gives the first entries of a log.
func readLog(path string, count int) ([]entry, error) {
	log, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	entries := make([]entry, 0, count)
	var head [16]byte
	for range count {
		if _, err := io.ReadFull(log, head[:]); err != nil {
			return nil, fmt.Errorf("the log of writes: %w", err)
		}
		one := entry{binary.LittleEndian.Uint64(head[:8]), make([]byte, binary.LittleEndian.Uint64(head[8:]))}
		if _, err := io.ReadFull(log, one.data); err != nil {
			return nil, fmt.Errorf("the log of writes: %w", err)
		}
		entries = append(entries, one)
	}
	return entries, nil
}

// apply writes entries to an image.
func apply(image string, entries []entry) error {
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, one := range entries {
		if one.offset == flush {
			continue
		}
		if _, err := file.WriteAt(one.data, int64(one.offset)); err != nil {
			return err
		}
	}
	return file.Close()
}

// loop makes a loop device over the recorded file; the second function takes it away.
func loop(directory string) (device string, detach func() error, err error) {
	output, err := output("losetup", "--find", "--show", "--direct-io=off", filepath.Join(directory, "disk"))
	if err != nil {
		return "", nil, err
	}
	return output, func() error { return run("losetup", "--detach", output) }, nil
}
