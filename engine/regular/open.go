package regular

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// Open is os.OpenFile for a regular file. It never waits, and follows no link at the path's end. Anything but
// a regular file is the fault not-a-regular-file; other errors are as the system gives them.
func Open(path string, flags int, mode fs.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, mode)
	if err != nil {
		return nil, unopened(path, err)
	}
	opened, err := file.Stat()
	if err == nil && !opened.Mode().IsRegular() {
		err = refuse(path, opened.Mode())
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// Write is os.WriteFile for a regular file, without what package os does for files that can be waited for:
// steps write notes by the hundred.
func Write(path string, text []byte, mode fs.FileMode) error {
	var handle int
	err := repeat(func() (err error) {
		handle, err = syscall.Open(path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, uint32(mode.Perm()))
		return err
	})
	if err != nil {
		return unopened(path, &fs.PathError{Op: "open", Path: path, Err: err})
	}
	var status syscall.Stat_t
	if err = syscall.Fstat(handle, &status); err == nil && status.Mode&syscall.S_IFMT != syscall.S_IFREG {
		_ = syscall.Close(handle)
		return unopened(path, &fs.PathError{Op: "open", Path: path, Err: syscall.EINVAL})
	}
	for err == nil && len(text) > 0 {
		err = repeat(func() error {
			count, err := syscall.Write(handle, text)
			text = text[max(count, 0):]
			return err
		})
	}
	if err = errors.Join(err, syscall.Close(handle)); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// unopened is the error of a file that could not be opened: what stands in its place, if that is why.
func unopened(path string, err error) error {
	if there, lost := os.Lstat(path); lost == nil && !there.Mode().IsRegular() {
		return refuse(path, there.Mode())
	}
	return err
}

// repeat calls again what a signal cut short.
func repeat(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// Read is os.ReadFile for a regular file, without what package os does for files that can be waited for.
func Read(path string) ([]byte, error) {
	var handle int
	err := repeat(func() (err error) {
		handle, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		return err
	})
	if err == syscall.ENOENT {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err != nil {
		return nil, unopened(path, &fs.PathError{Op: "open", Path: path, Err: err})
	}
	defer syscall.Close(handle)
	var status syscall.Stat_t
	if err := syscall.Fstat(handle, &status); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if status.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, unopened(path, &fs.PathError{Op: "open", Path: path, Err: syscall.EINVAL})
	}
	const least = 512 // a size of 0 says nothing, as in /proc
	text := make([]byte, 0, max(status.Size+1, least))
	for {
		room, count := text[len(text):cap(text)], 0
		err := repeat(func() (err error) {
			count, err = syscall.Read(handle, room)
			return err
		})
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		text = text[:len(text)+count]
		if count == 0 || status.Size > 0 && count < len(room) {
			return text, nil
		}
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

func refuse(path string, mode fs.FileMode) error {
	return fault.New(fault.Errored, "not-a-regular-file", "%s is %s, where gwe makes a regular file", path, kind(mode)).
		WithHint("find out which program or user put it there, and move it away; then restore what was there, or let gwe make it anew")
}

// kind says what stands at a path.
func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device"
}
