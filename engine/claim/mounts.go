package claim

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
)

// mount is a line of /proc/self/mountinfo: root is the directory of the file system that is seen at point.
type mount struct {
	id                  int
	device, root, point string
}

// area is where a path at or below the mount point lies in the file system.
func (m mount) area(path string) Area {
	relative, err := filepath.Rel(m.point, path)
	if err != nil {
		relative = "."
	}
	return Area{m.device, filepath.Join(m.root, relative)}
}

// mountTable is what is mounted, as this process sees it; none where there is no /proc.
func mountTable() []mount {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var mounts []mount
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		id, err := strconv.Atoi(fields[0])
		root := durable.Unescape(fields[3])
		if err != nil || !filepath.IsAbs(root) {
			continue // net:[4026531840] and its like hold no directories
		}
		mounts = append(mounts, mount{id, fields[2], strings.TrimSuffix(root, "//deleted"), durable.Unescape(fields[4])})
	}
	return mounts
}

// mountOf is the number of the mount by which a directory was opened. A mount over the path does not matter
// to it.
func mountOf(directory int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", directory))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "mnt_id:"); found {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, os.ErrNotExist
}

func descriptor(file int) string { return fmt.Sprintf("/proc/self/fd/%d", file) }
