package placement

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// UndoData is the version of what a Placement saves for its undo: a step type that embeds one has at least
// this step.About.UndoData. With 2 the note has its digest in it, and the digest of a lone file is in the
// list of what was made. With 3 a short list is in the note.
const UndoData = 3

// settledNote is the file that holds the identity of what is in its place at the commit, where a program of
// the run has replaced the file.
const settledNote = "written" + step.Settled

// Note writes down which file will take the place. The caller makes it durable before that.
func Note(run *step.Run, fresh Location) error {
	dir, err := fresh.Directory()
	if err != nil {
		return err
	}
	return made.Note(run, dir, fresh.Name)
}

// renote notes, for Verify, another file in the place of the one that is noted, durably.
func renote(directory string, now Location) error {
	found, err := now.Identity()
	if err != nil {
		return err
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	return durable.WriteSealed(filepath.Join(directory, settledNote), text)
}

// Noted reads the note; known is false where there is none, and the new file was never ready to take the
// place.
func Noted(directory string) (found openat.Identity, known bool, err error) {
	text, err := durable.ReadSealed(filepath.Join(directory, settledNote))
	if err != nil {
		return openat.Identity{}, false, err
	}
	if text == nil {
		return made.Noted(directory)
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return openat.Identity{}, false, fault.New(fault.Errored, "write-note-unreadable", "what was noted about the new file cannot be read").WithCause(err)
	}
	return found, true, nil
}

// IsNoted reports whether what is there is the file of the note.
func IsNoted(directory string, here Location) (bool, error) {
	placed, known, err := Noted(directory)
	if err != nil || !known {
		return false, err
	}
	now, err := here.Identity()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && now.Is(placed), err
}

// Forget takes the note away: from now on the number may be another file's.
func Forget(directory string) error {
	if err := durable.RemoveNotes(filepath.Join(directory, settledNote)); err != nil {
		return err
	}
	return made.Forget(directory)
}
