package file

import (
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// measuring sums up a tree.
type measuring struct {
	machine step.Machine
	seen    map[inode]bool
	size    int64
	count   int
}

// measure gives the bytes and the number of entries of a tree, as far as they can be seen. What cannot be
// read now is told when it is copied.
func measure(machine step.Machine, path string, info fs.FileInfo) (size int64, count int) {
	m := &measuring{machine: machine, seen: map[inode]bool{}}
	m.visit(path, info)
	return m.size, m.count
}

func (m *measuring) visit(path string, info fs.FileInfo) {
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		m.add(unix.Stat_t{Mode: status.Mode, Dev: status.Dev, Ino: status.Ino, Nlink: status.Nlink, Size: status.Size, Blocks: status.Blocks})
	}
	if !info.IsDir() {
		return
	}
	if len(path)+1+unix.NAME_MAX >= unix.PathMax {
		if dir, err := openat.Open(path); err == nil {
			m.below(dir)
			dir.Close()
		}
		return
	}
	entries, _ := m.machine.ReadDir(path)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			m.visit(filepath.Join(path, entry.Name()), info)
		}
	}
}

// below continues by descriptors, where paths become too long.
func (m *measuring) below(dir *openat.Dir) {
	_ = dir.EachName(func(name string) error {
		status, err := dir.Stat(name)
		if err != nil {
			return nil
		}
		m.add(status)
		if status.Mode&unix.S_IFMT != unix.S_IFDIR {
			return nil
		}
		if next, err := dir.Sub(name); err == nil {
			m.below(next)
			next.Close()
		}
		return nil
	})
}

func (m *measuring) add(status unix.Stat_t) {
	m.count++
	if status.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	if one := inodeOf(status); status.Nlink < 2 || !m.seen[one] {
		m.size += min(status.Size, status.Blocks*512)
		m.seen[one] = status.Nlink > 1
	}
}
