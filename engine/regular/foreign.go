package regular

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// piece is how much one call reads at most: what a call that is given up may still write to is a buffer of
// its own.
const piece = 256 << 10

// Foreign is a foreign file that is open for reading. It is used by one goroutine at a time.
type Foreign struct {
	ctx  context.Context
	path string
	file *os.File
	info fs.FileInfo
	// buffer is read into; nil before the first read, and after one that was given up.
	buffer []byte
	// lost is the error of a read that was given up: nothing more is read then.
	lost error
}

// OpenForeign opens a regular file, links followed. It never waits for the other end of a FIFO. Reading ends
// with the context. What is not a regular file is the fault not-a-regular-file; other errors are as the
// system gives them, or those of Await. A directory is not one: see OpenAny.
func OpenForeign(ctx context.Context, path string) (*Foreign, error) {
	opened, err := OpenAny(ctx, path)
	if err != nil {
		return nil, err
	}
	if opened.info.IsDir() {
		opened.discard()
		return nil, notRegular(path, opened.info.Mode())
	}
	return opened, nil
}

// OpenAny is OpenForeign, but opens a directory too.
func OpenAny(ctx context.Context, path string) (*Foreign, error) {
	return Await(ctx, path, func() (*Foreign, error) { return open(ctx, path) }, (*Foreign).discard)
}

func open(ctx context.Context, path string) (*Foreign, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		if info, lost := os.Stat(path); lost == nil && !info.Mode().IsRegular() {
			err = notRegular(path, info.Mode())
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = notRegular(path, info.Mode())
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &Foreign{ctx: ctx, path: path, file: file, info: info}, nil
}

// Fd is the descriptor.
func (f *Foreign) Fd() uintptr { return f.file.Fd() }

// Stat is what the file was when it was opened.
func (f *Foreign) Stat() (fs.FileInfo, error) { return f.info, nil }

// Now is what the file is by now.
func (f *Foreign) Now() (fs.FileInfo, error) {
	if f.lost != nil {
		return nil, f.lost
	}
	return Await(f.ctx, f.path, f.file.Stat, nil)
}

// Within has the calls from here on end with another context.
func (f *Foreign) Within(ctx context.Context) *Foreign {
	f.ctx = ctx
	return f
}

// Read implements io.Reader. A read that does not come back within Patience, or before the context ends, is
// the error of Await.
func (f *Foreign) Read(into []byte) (int, error) {
	return f.read(into, f.file.Read)
}

// ReadAt implements io.ReaderAt.
func (f *Foreign) ReadAt(into []byte, offset int64) (done int, err error) {
	for done < len(into) && err == nil {
		var n int
		at := offset + int64(done)
		n, err = f.read(into[done:], func(buffer []byte) (int, error) { return f.file.ReadAt(buffer, at) })
		done += n
	}
	if done == len(into) {
		err = nil
	}
	return done, err
}

func (f *Foreign) read(into []byte, call func([]byte) (int, error)) (int, error) {
	if f.lost != nil {
		return 0, f.lost
	}
	if len(into) == 0 {
		return 0, nil
	}
	want := min(len(into), piece)
	if len(f.buffer) < want {
		f.buffer = make([]byte, want)
	}
	buffer := f.buffer[:want]
	type outcome struct {
		n   int
		err error
	}
	ended, err := Await(f.ctx, f.path, func() (outcome, error) {
		n, err := call(buffer)
		return outcome{n, err}, nil
	}, nil)
	if err != nil {
		f.lost, f.buffer = err, nil
		return 0, err
	}
	return copy(into, buffer[:ended.n]), ended.err
}

// ReadDir implements fs.ReadDirFile, for a directory that OpenAny has opened.
func (f *Foreign) ReadDir(n int) ([]fs.DirEntry, error) {
	return Await(f.ctx, f.path, func() ([]fs.DirEntry, error) { return f.file.ReadDir(n) }, nil)
}

// Close implements io.Closer. It never waits for a file system that does not answer.
func (f *Foreign) Close() error {
	if f.lost != nil {
		go f.discard()
		return nil
	}
	_, err := Await(context.WithoutCancel(f.ctx), f.path, func() (struct{}, error) { return struct{}{}, f.file.Close() }, nil)
	return err
}

func (f *Foreign) discard() { _ = f.file.Close() }

// ReadForeign reads a foreign file of at most limit bytes, links followed. It is os.ReadFile with the
// promises of OpenForeign; one that is larger is the fault too-large-to-read.
func ReadForeign(ctx context.Context, path string, limit int64) ([]byte, error) {
	content, err := Await(ctx, path, func() ([]byte, error) {
		opened, err := open(ctx, path)
		if err != nil {
			return nil, err
		}
		defer opened.discard()
		if opened.info.IsDir() {
			return nil, notRegular(path, opened.info.Mode())
		}
		if opened.info.Size() > limit {
			return nil, TooLarge(path, limit)
		}
		return io.ReadAll(io.LimitReader(opened.file, limit+1))
	}, nil)
	if err == nil && int64(len(content)) > limit {
		return nil, TooLarge(path, limit)
	}
	return content, err
}

// ReadHead reads the first bytes of a file that the caller of gwe names, at most limit, with the promises of
// ReadForeign. A descriptor that the caller handed over (see Handed) is read whatever it is, a pipe or a
// terminal, for as long as the context lasts.
func ReadHead(ctx context.Context, path string, limit int64) ([]byte, error) {
	opening, patience := func() (*Foreign, error) { return open(ctx, path) }, Patience
	if Handed(path) {
		patience = 0
		opening = func() (*Foreign, error) {
			file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOCTTY, 0)
			if err != nil {
				return nil, err
			}
			info, err := file.Stat()
			return &Foreign{path: path, file: file, info: info}, err
		}
	}
	return await(ctx, path, patience, func() ([]byte, error) {
		opened, err := opening()
		if err != nil {
			return nil, err
		}
		defer opened.discard()
		if opened.info.IsDir() {
			return nil, notRegular(path, opened.info.Mode())
		}
		return io.ReadAll(io.LimitReader(opened.file, limit))
	}, nil)
}

// TooLarge is the fault too-large-to-read: the file has more bytes than limit.
func TooLarge(path string, limit int64) error {
	return fault.New(fault.Failed, "too-large-to-read", "cannot read %s: it has more than %d bytes, the most that gwe reads of such a file", path, limit).
		WithHint("look what it is: file %s; put the right file there", path)
}

// handed are the names of the process's own descriptors. See proc_pid_fd(5).
var handed = regexp.MustCompile(`^/(dev|proc/self|proc/([0-9]+))/fd/[0-9]+$`)

// Handed reports whether the path names a descriptor that the caller opened for gwe: /dev/stdin, or
// /dev/fd/63 as a shell makes it of <(...). Then the caller has opened what stands after it, and means it.
func Handed(path string) bool {
	found := handed.FindStringSubmatch(path)
	return path == "/dev/stdin" || found != nil && (found[2] == "" || found[2] == strconv.Itoa(os.Getpid()))
}

func notRegular(path string, mode fs.FileMode) error {
	return fault.New(fault.Failed, "not-a-regular-file", "cannot read %s: it is %s, not a regular file", path, kind(mode)).
		WithHint("find out who put it there: ls -l %s; put a regular file in its place", path)
}
