package durable

import (
	"os"
	"path/filepath"
)

// Rename moves old to new, replacing a file or a symbolic link there, and syncs both directories.
func Rename(old, new string) error {
	if err := os.Rename(old, new); err != nil {
		return Explain(err, "cannot rename %s to %s", old, new)
	}
	return syncDirectoriesOf(old, new)
}

func syncDirectoriesOf(old, new string) error {
	source, target := filepath.Dir(old), filepath.Dir(new)
	if source == target {
		return SyncDirectory(target)
	}
	return SyncFileSystems(target, source)
}
