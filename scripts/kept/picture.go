package kept

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// daemons are the names of what a supervisord writes.
var daemons = []string{"log", "pid", "sock"}

// Picture describes all entries of a tree, a line each: name, mode, owner, and but for directories the time
// of the last change and the content. The tree's own path is written as ROOT.
func Picture(root string) (string, error) {
	var lines strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || slices.Contains(daemons, name) {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&lines, "%s %s %d:%d", name, info.Mode(), owner.Uid, owner.Gid)
		if !info.IsDir() {
			content, err := contentOf(path, info)
			if err != nil {
				return err
			}
			fmt.Fprintf(&lines, " %s %q", info.ModTime().UTC().Format(time.RFC3339Nano), strings.ReplaceAll(content, root, "ROOT"))
		}
		lines.WriteByte('\n')
		return nil
	})
	return lines.String(), err
}

func contentOf(path string, info fs.FileInfo) (string, error) {
	if info.Mode().Type() == fs.ModeSymlink {
		return os.Readlink(path)
	}
	content, err := os.ReadFile(path)
	return string(content), err
}
