package durable

import (
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile puts data at path, all or nothing: into a temporary file beside it, synced, renamed over it, and
// the directory synced. The mode is exactly the one given, whatever the umask. A symbolic link at path is
// replaced, not followed.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	directory := filepath.Dir(path)
	file, err := os.CreateTemp(directory, Prefix+"*")
	if err != nil {
		return Explain(err, "cannot write %s", path)
	}
	if err := fill(file, data, mode); err != nil {
		_ = os.Remove(file.Name())
		return Explain(err, "cannot write %s", path)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		_ = os.Remove(file.Name())
		return Explain(err, "cannot write %s", path)
	}
	return SyncDirectory(directory)
}

// fill writes, syncs and closes the temporary file. The content is on the disk before the rename: without
// that, some file systems show an empty file under the final name after a power cut.
func fill(file *os.File, data []byte, mode fs.FileMode) error {
	defer file.Close()
	if _, err := file.Write(data); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	return file.Sync()
}
