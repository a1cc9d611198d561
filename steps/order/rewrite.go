package order

import (
	"errors"
	"io"

	"github.com/gwe-project/gwe/engine/openat"
)

// RewriteFiles replaces the file of that name, as Files gives it, in an open directory of releases. A run
// that is stopped in between leaves none, or one that is not whole: both count as absent.
func RewriteFiles(dir *openat.Dir, name string, content io.Reader) error {
	record, err := dir.Sub(Directory)
	if err != nil {
		return err
	}
	defer record.Close()
	if err := record.Remove(name); err != nil {
		return err
	}
	file, err := record.Create(name, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
