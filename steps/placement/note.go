package placement

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// UndoData is the version of what a Placement saves for its undo: a step type that embeds one has at least
// this step.About.UndoData. With 2 the note has its digest in it, and the digest of a lone file is in the
// list of what was made.
const UndoData = 2

// noteName is the file in Run.Directory that holds the identity of the new file from before it takes its
// place: undo takes that file away and no other.
const noteName = "written"

// settledNote is the file that holds the identity of what is in its place at the commit, where a program of
// the run has replaced the file.
const settledNote = noteName + step.Settled

// Note writes down which file will take the place. The caller makes it durable before that.
func Note(run *step.Run, fresh Location) error {
	text, err := noteOf(fresh)
	if err == nil {
		err = run.MakeDirectory()
	}
	if err != nil {
		return err
	}
	return durable.WriteChecked(filepath.Join(run.Directory, noteName), text)
}

// renote notes, for Verify, another file in the place of the one that is noted, durably.
func renote(directory string, now Location) error {
	text, err := noteOf(now)
	if err != nil {
		return err
	}
	return durable.WriteSealed(filepath.Join(directory, settledNote), text)
}

func noteOf(here Location) ([]byte, error) {
	found, err := here.Identity()
	if err != nil {
		return nil, err
	}
	return json.Marshal(found)
}

// Noted reads the note; known is false where there is none, and the new file was never ready to take the
// place.
func Noted(directory string) (found openat.Identity, known bool, err error) {
	text, err := durable.ReadSealed(filepath.Join(directory, settledNote))
	if err == nil && text == nil {
		text, err = durable.ReadChecked(filepath.Join(directory, noteName))
	}
	if err != nil || len(text) == 0 {
		return openat.Identity{}, false, err
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
	return durable.RemoveChecked(filepath.Join(directory, noteName))
}
