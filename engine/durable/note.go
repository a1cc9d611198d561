package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
)

// WriteNote writes a file of less than a page down for a later process, for its owner alone. The caller makes it durable, together
// with all else that has to be before he acts on it.
func WriteNote(path string, text []byte) error {
	return Explain(os.WriteFile(path, text, 0o600), "cannot write %s", path)
}

// ReadNote reads a note; it is empty where there is none. What a power cut leaves of one that was not durable yet, nothing or
// NULs, counts as none: nobody has acted on it.
func ReadNote(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && bytes.IndexByte(text, 0) >= 0 {
		return nil, nil
	}
	return text, Explain(err, "cannot read %s", path)
}
