package regular

import (
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// Open is os.OpenFile for a regular file. It never waits, and follows no link at the path's end. Anything but a regular file is the
// fault not-a-regular-file; other errors are as the system gives them.
func Open(path string, flags int, mode fs.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, mode)
	if err != nil {
		if there, lost := os.Lstat(path); lost == nil && !there.Mode().IsRegular() {
			return nil, refuse(path, there.Mode())
		}
		return nil, err
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

// Read is os.ReadFile for a regular file.
func Read(path string) ([]byte, error) {
	file, err := Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

func refuse(path string, mode fs.FileMode) error {
	return fault.New(fault.Errored, "not-a-regular-file", "%s is %s, where gwe makes a regular file", path, kind(mode)).
		WithHint("somebody put it there: find out who, and move it away; then put back what was there, or let gwe make it anew")
}

// kind says what stands at a path.
func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device"
}
