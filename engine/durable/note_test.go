package durable

import (
	"path/filepath"
	"syscall"
	"testing"
)

// What somebody put in the place of a note is told, and not waited for.
func TestNoteThatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadNote(path)
	for _, err := range []error{err, WriteNote(path, []byte("text")), AddLine(path, "line")} {
		if code(err) != "not-a-regular-file" {
			t.Errorf("got %v", err)
		}
	}
}
