package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/regular"
)

// WriteNote writes a file of less than a page down for a later process, for its owner alone. The caller makes
// it durable, together with all else that has to be before he acts on it.
func WriteNote(path string, text []byte) error {
	return Explain(regular.Write(path, text, 0o600), "cannot write %s", path)
}

// ReadNote reads a note; it is empty where there is none. What a power cut leaves of one that was not durable
// yet, nothing or NULs, counts as none: nobody has acted on it.
func ReadNote(path string) ([]byte, error) {
	text, err := regular.Read(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && bytes.IndexByte(text, 0) >= 0 {
		return nil, nil
	}
	return text, Explain(err, "cannot read %s", path)
}

// AddLine adds a line to a note, for a process after a power cut: it is durable, whether or not the note was
// there before.
func AddLine(path, line string) error {
	file, err := regular.Open(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.WriteString(line + "\n")
		err = errors.Join(err, file.Sync(), file.Close(), SyncDirectory(filepath.Dir(path)))
	}
	return Explain(err, "cannot write %s", path)
}
