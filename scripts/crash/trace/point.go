//go:build amd64

package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// Point is one call that changes something, as it is about to be made.
type Point struct {
	// Call is what is done: open, write, rename, ...
	Call string
	// Path is to what, below the root that is traced; outside of it, the whole path. Names that are made up
	// anew in each run (a run's id, a temporary name) are written as <run> and .gwe-*.
	Path string
	// Nth counts the calls of this name on this path by this program, from 1.
	Nth int
	// Program counts the programs that are followed, from 1, in the order in which they started.
	Program int
}

// String is the name by which the point is found again.
func (p Point) String() string {
	name := fmt.Sprintf("%s %s#%d", p.Call, p.Path, p.Nth)
	if p.Program > 1 {
		name += fmt.Sprintf(" by program %d", p.Program)
	}
	return name
}

var (
	runName       = regexp.MustCompile(`\b\d{8}-\d{6}\.\d{3}\b`)
	temporaryName = regexp.MustCompile(`\.gwe-[^/]*`)
)

// Stable is a text in which the names that differ from run to run are replaced.
func Stable(text string) string {
	return temporaryName.ReplaceAllString(runName.ReplaceAllString(text, "<run>"), ".gwe-*")
}

// pathOf finds what a stopped thread's call is about; "" where that is not a file: a pipe, a socket.
func pathOf(pid int, c call, registers *unix.PtraceRegs) string {
	descriptor := func(n int) string {
		number := int32(argument(registers, n))
		name := fmt.Sprintf("/proc/%d/fd/%d", pid, number)
		if c.where == at && number == unix.AT_FDCWD {
			name = fmt.Sprintf("/proc/%d/cwd", pid)
		}
		path, err := os.Readlink(name)
		if err != nil || !filepath.IsAbs(path) {
			return ""
		}
		return strings.TrimSuffix(path, " (deleted)")
	}
	switch c.where {
	case inFile:
		return descriptor(c.a)
	case at:
		path := text(pid, argument(registers, c.b))
		if filepath.IsAbs(path) {
			return filepath.Clean(path)
		}
		directory := descriptor(c.a)
		if directory == "" {
			return ""
		}
		return filepath.Join(directory, path)
	}
	path := text(pid, argument(registers, c.a))
	if !filepath.IsAbs(path) {
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		path = filepath.Join(cwd, path)
	}
	return filepath.Clean(path)
}

// text reads a path, with its NUL, from a stopped thread's memory.
func text(pid int, address uint64) string {
	var read strings.Builder
	for block := make([]byte, 256); read.Len() < unix.PathMax; {
		// A read must not cross into a page that is not there.
		want := min(uint64(len(block)), 4096-address%4096)
		local := []unix.Iovec{{Base: &block[0]}}
		local[0].SetLen(int(want))
		n, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(address), Len: int(want)}}, 0)
		if err != nil || n == 0 {
			return read.String()
		}
		piece, _, ended := strings.Cut(string(block[:n]), "\x00")
		read.WriteString(piece)
		if ended {
			break
		}
		address += uint64(n)
	}
	return read.String()
}
