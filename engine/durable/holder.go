package durable

import (
	"errors"
	"io/fs"
	"os"

	"github.com/gwe-project/gwe/engine/regular"
)

// Holder tells who holds the lock file at path, and never touches the lock: who takes it at this moment is
// not disturbed. It is nil where nobody does, or where the holder cannot be seen from this pid namespace.
func Holder(path string) (*BusyError, error) {
	file, err := regular.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Explain(err, "cannot look at the lock %s", path)
	}
	defer file.Close()
	if holderOf(file) == 0 {
		return nil, nil
	}
	return busy(path, file), nil
}
