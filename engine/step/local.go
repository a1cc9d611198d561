package step

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"github.com/gwe-project/gwe/engine/regular"
)

// LargestFile is how many bytes Local.ReadFile reads at most. What may be larger is opened, and read piece by
// piece.
const LargestFile = 64 << 20

// Local is the machine that gwe runs on. Whatever others put in the place of a file, and whatever file system
// it lies on, no call keeps gwe waiting for longer than regular.Patience, or than the context of Within. Open
// gives regular files and directories only.
type Local struct{ ctx context.Context }

// Within is the machine for work within the context: a Local reads no longer than that, another machine is
// given as it is.
func Within(ctx context.Context, machine Machine) Machine {
	if _, local := machine.(Local); local {
		return Local{ctx}
	}
	return machine
}

func (l Local) context() context.Context {
	if l.ctx == nil {
		return context.Background()
	}
	return l.ctx
}

func (l Local) Lstat(path string) (fs.FileInfo, error) {
	return regular.Await(l.context(), path, func() (fs.FileInfo, error) {
		info, err := os.Lstat(path)
		if errors.Is(err, syscall.ENAMETOOLONG) {
			return longLstat(path)
		}
		return info, err
	}, nil)
}

func (l Local) Stat(path string) (fs.FileInfo, error) {
	return regular.Await(l.context(), path, func() (fs.FileInfo, error) { return os.Stat(path) }, nil)
}

func (l Local) ReadLink(path string) (string, error) {
	return regular.Await(l.context(), path, func() (string, error) {
		text, err := os.Readlink(path)
		if errors.Is(err, syscall.ENAMETOOLONG) {
			return longReadLink(path)
		}
		return text, err
	}, nil)
}

func (l Local) ReadDir(path string) ([]fs.DirEntry, error) {
	return regular.Await(l.context(), path, func() ([]fs.DirEntry, error) {
		entries, err := os.ReadDir(path)
		if errors.Is(err, syscall.ENAMETOOLONG) {
			return longReadDir(path)
		}
		return entries, err
	}, nil)
}

func (l Local) ReadFile(path string) ([]byte, error) {
	return regular.ReadForeign(l.context(), path, LargestFile)
}

func (l Local) Open(path string) (fs.File, error) {
	opened, err := regular.OpenAny(l.context(), path)
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return regular.Await(l.context(), path, func() (fs.File, error) { return longOpen(path) }, func(file fs.File) { _ = file.Close() })
	}
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func (l Local) LookPath(name string) (string, error) { return exec.LookPath(name) }
