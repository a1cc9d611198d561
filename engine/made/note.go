package made

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// noteName is the file in the frame's directory that holds the identity of what takes a place, from before it
// does so: undo takes that away and nothing else. Most steps make one entry, and its list is in the same
// file. Once the identity is forgotten, the file that still holds the list is forgottenName.
const (
	noteName      = "written"
	forgottenName = "listed"
)

// note is the content of that file.
type note struct {
	openat.Identity
	// List is a list that is short; it is nil where the list has a file of its own, or there is none.
	List []byte `json:"list,omitempty"`
}

// Note writes down which entry will take the place, without a list of it. The caller makes it durable before
// that.
func Note(run *step.Run, dir *openat.Dir, name string) error {
	found, err := dir.IdentityOf(name)
	if err != nil {
		return explain(err, "cannot look at %s", dir.Join(name))
	}
	return writeNote(run, note{Identity: found})
}

// NoteAndRecord is Note, and Record of what is at the name.
func NoteAndRecord(ctx context.Context, run *step.Run, dir *openat.Dir, name string) error {
	found, err := dir.IdentityOf(name)
	if err != nil {
		return explain(err, "cannot look at %s", dir.Join(name))
	}
	if err := run.MakeDirectory(); err != nil {
		return err
	}
	list := create(filepath.Join(run.Directory, listName))
	if err := list.record(ctx, dir, name); err != nil {
		return err
	}
	if text, short := list.encoder.short(); short {
		if err := forget(list.encoder.buffer.path); err != nil { // of an attempt before
			return explain(err, "cannot record what the step makes")
		}
		return writeNote(run, note{found, text})
	}
	if err := list.Close(); err != nil {
		return err
	}
	return writeNote(run, note{Identity: found})
}

func writeNote(run *step.Run, one note) error {
	text, err := json.Marshal(one)
	if err == nil {
		err = run.MakeDirectory()
	}
	if err != nil {
		return err
	}
	return durable.WriteChecked(filepath.Join(run.Directory, noteName), text)
}

// Noted reads which entry was to take the place; known is false where none was ready to.
func Noted(directory string) (found openat.Identity, known bool, err error) {
	one, known, err := readNote(directory, noteName)
	return one.Identity, known, err
}

func readNote(directory, name string) (one note, known bool, err error) {
	text, err := durable.ReadChecked(filepath.Join(directory, name))
	if err != nil || len(text) == 0 {
		return note{}, false, err
	}
	if err := json.Unmarshal(text, &one); err != nil {
		return note{}, false, fault.New(fault.Errored, "write-note-unreadable", "what was noted about the new file cannot be read").WithCause(err)
	}
	return one, true, nil
}

// Forget takes the identity away: from now on the number may be another file's. It needs no space on the
// disk. The list stays.
func Forget(directory string) error {
	path := filepath.Join(directory, noteName)
	if one, known, err := readNote(directory, noteName); err == nil && known && one.List != nil {
		return durable.RenameChecked(path, filepath.Join(directory, forgottenName))
	}
	return durable.RemoveChecked(path)
}

// noted opens the list that is in the note; nil where there is none, or it is damaged.
func noted(directory string) *reader {
	for _, name := range []string{noteName, forgottenName} {
		one, known, err := readNote(directory, name)
		if err == nil && known && one.List != nil {
			return newReader(bytes.NewReader(one.List), int64(len(one.List)))
		}
	}
	return nil
}

// record adds what has a name in an open directory, and all below it.
func (w *Writer) record(ctx context.Context, dir *openat.Dir, name string) error {
	parent := dir.Descriptor()
	status, err := statAt(parent, name)
	if err == nil && status == nil {
		err = unix.ENOENT
	}
	if err != nil {
		return explain(err, "cannot record %s", dir.Join(name))
	}
	if alone, is := aloneOf(parent, name, status); is {
		err = w.encoder.add(alone)
	} else {
		err = w.tree(ctx, parent, name, "", "", status)
	}
	if err != nil {
		w.drop()
		return explain(err, "cannot record %s", dir.Join(name))
	}
	return nil
}
