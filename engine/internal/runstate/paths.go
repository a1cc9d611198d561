package runstate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/claim"
)

// Present leaves out what is not there: the operator, or the undo of an older step, may have moved it.
func Present(paths []string) []string {
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool {
		_, err := os.Lstat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// Overlaps reports whether two paths are one, or one lies in the other.
func Overlaps(a, b string) bool { return LiesIn(a, b) || LiesIn(b, a) }

// LiesIn reports whether a path is a directory's, or lies in it. All absolute paths lie in "/".
func LiesIn(path, directory string) bool {
	path, directory = filepath.Clean(path), filepath.Clean(directory)
	return path == directory || strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/")
}

// SharesLock reports whether a lock is in both: by its name, or as a directory that both lock, by whatever
// path.
func SharesLock(a, b []string) bool {
	if slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) }) {
		return true
	}
	return claim.AnySame(claim.Resolve(a...), claim.Resolve(b...))
}

// LockedPaths are the lock names that are paths.
func LockedPaths(names []string) []string {
	var paths []string
	for _, name := range names {
		if filepath.IsAbs(name) {
			paths = append(paths, filepath.Clean(name))
		}
	}
	return paths
}

// Real follows symbolic links where it can.
func Real(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}
