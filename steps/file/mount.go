package file

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/step"
)

// mountTable lists what is mounted, as proc(5) tells.
const mountTable = "/proc/self/mountinfo"

// mountedAt gives a mount point at the folder or below it; "" where there is none. The folder may be reached by links,
// while the table has none: a mount point belongs to the folder when one of the folders above it, or it itself, is the
// same.
func mountedAt(machine step.Machine, path string, folder fs.FileInfo) (string, error) {
	table, err := machine.ReadFile(mountTable)
	if err != nil {
		return "", durable.Explain(err, "cannot tell what is mounted below %s", path)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape(fields[4])
		for above := point; above != "/" && above != "."; above = filepath.Dir(above) {
			if filepath.Base(above) != filepath.Base(path) {
				continue
			}
			if info, err := machine.Lstat(above); err == nil && os.SameFile(info, folder) {
				return point, nil
			}
		}
	}
	return "", nil
}

// unescape gives a name of the table as it is: blanks, tabs, newlines and backslashes are three octal digits there.
func unescape(name string) string {
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
