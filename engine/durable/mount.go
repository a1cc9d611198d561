package durable

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// mountTable lists what is mounted, as proc(5) tells.
const mountTable = "/proc/self/mountinfo"

// Looker looks at a machine.
type Looker interface {
	Lstat(path string) (fs.FileInfo, error)
	Stat(path string) (fs.FileInfo, error)
	ReadFile(path string) ([]byte, error)
}

// MountedAt gives a mount point at the directory or below it; "" where there is none. The directory may be
// reached by links, while the table has none: a mount point belongs to the directory when one of the
// directories above it, or it itself, is the same, and lies in the same one.
func MountedAt(machine Looker, path string, directory fs.FileInfo) (string, error) {
	table, err := machine.ReadFile(mountTable)
	if err != nil {
		return "", Explain(err, "cannot tell what is mounted below %s", path)
	}
	around, err := machine.Stat(filepath.Dir(path))
	if err != nil {
		return "", Explain(err, "cannot tell what is mounted below %s", path)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := Unescape(fields[4])
		for above := point; above != "/" && above != "."; above = filepath.Dir(above) {
			if filepath.Base(above) != filepath.Base(path) {
				continue
			}
			if info, err := machine.Lstat(above); err != nil || !os.SameFile(info, directory) {
				continue
			}
			// A directory that is mounted elsewhere under the same name has nothing mounted in it by that.
			if info, err := machine.Lstat(filepath.Dir(above)); err == nil && os.SameFile(info, around) {
				return point, nil
			}
		}
	}
	return "", nil
}

// Unescape gives a name of the table as it is: blanks, tabs, newlines and backslashes are three octal digits
// there.
func Unescape(name string) string {
	var plain strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' && i+3 < len(name) {
			if code, err := strconv.ParseUint(name[i+1:i+4], 8, 8); err == nil {
				plain.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		plain.WriteByte(name[i])
	}
	return plain.String()
}

func mountedWithin(path, mounted string) error {
	return fault.New(fault.Failed, "mounted-within", "%s cannot be removed: something is mounted on %s", path, mounted).
		WithHint("umount %s, then `gwe recover` removes it", mounted)
}

// local is the machine that gwe runs on.
type local struct{}

func (local) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }
func (local) Stat(path string) (fs.FileInfo, error)  { return os.Stat(path) }
func (local) ReadFile(path string) ([]byte, error)   { return os.ReadFile(path) }

// OverlayUpper returns the upper directory of the overlay file system that holds a directory: what is written
// there lies in it. It is "" where the directory is on no overlay, where that is read-only, or where its
// mount cannot be told.
func OverlayUpper(directory string) string {
	var status unix.Stat_t
	if unix.Stat(directory, &status) != nil {
		return ""
	}
	table, err := os.ReadFile(mountTable)
	if err != nil {
		return ""
	}
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(status.Dev)), unix.Minor(uint64(status.Dev)))
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		end := slices.Index(fields, "-")
		if end < 5 || len(fields) < end+4 || fields[2] != device || fields[end+1] != "overlay" {
			continue
		}
		for option := range strings.SplitSeq(fields[end+3], ",") {
			if upper, found := strings.CutPrefix(option, "upperdir="); found {
				return Unescape(upper)
			}
		}
	}
	return ""
}
