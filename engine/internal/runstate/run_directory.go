package runstate

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/gwe-project/gwe/engine/durable"
)

// Place says to what part of a run a child process or a kept file belongs: "3" is frame 3, "3-undo" its undo,
// "3-undo-last" what that owes last, "facts", "failsafe" and "finally" are themselves.
type Place string

func PlaceOf(frame int) Place { return Place(strconv.Itoa(frame)) }

func PlaceOfLast(frame int) Place { return PlaceOf(frame) + "-undo-last" }

// PluginRecord says in the begin record which plugin a run uses: where it was, and the SHA-256 of the
// executable and of the description that the run's directory keeps.
type PluginRecord struct {
	Type        string `json:"type"`
	Path        string `json:"path"`
	SHA256      string `json:"sha256"`
	Description string `json:"description-sha256"`
}

func (r RunDirectory) Plugins() string { return filepath.Join(string(r), "plugins") }

func (r RunDirectory) Plugin(name string) string {
	return filepath.Join(r.Plugins(), name+".json")
}

func (r RunDirectory) Reports() string { return filepath.Join(string(r), "reports.json") }

// SavedFile is one entry of a frame's directory: what a step saved there for its undo, as the journal has it.
type SavedFile struct {
	// Name is relative to the directory.
	Name string `json:"name"`
	// Kind is "" for a regular file, "directory", "link", "other", or "listing" for all entries of a
	// directory that has very many.
	Kind string `json:"kind,omitempty"`
	// Size is the length of a file in bytes.
	Size int64 `json:"size,omitempty"`
	// SHA256 is that of a file's content, of a link's text, or of the entries of a listing as JSON.
	SHA256 string `json:"sha256,omitempty"`
}

// begunNote is the name of an empty file in a run's directory. It stands for the record that the undos begin
// (unwind, rollback, checked) where the journal could not be written.
const begunNote = "undos-begun"

// NoteUndosBegun does what it can: without the note, the next recovery takes what undos did to their data for
// damage.
func (r RunDirectory) NoteUndosBegun() {
	if durable.WriteNote(filepath.Join(string(r), begunNote), nil) == nil {
		_ = durable.SyncDirectory(string(r))
	}
}

// UndosBegun reports whether undos of the run had begun while its journal could not be written.
func (r RunDirectory) UndosBegun() bool {
	_, err := os.Lstat(filepath.Join(string(r), begunNote))
	return err == nil
}
