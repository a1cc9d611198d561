package made

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/openat"
)

// A short list lies in the note, a long one in a file of its own. Either is there after the identity is
// forgotten, and neither is mixed with what an attempt before it left.
func TestNoteAndRecord(t *testing.T) {
	for _, entries := range []int{0, 500} {
		t.Run(fmt.Sprint(entries), func(t *testing.T) {
			r := newRelease(t)
			check(t, os.RemoveAll(r.run.Directory))
			check(t, os.Mkdir(r.run.Directory, 0o700))
			dir, err := openat.Open(r.base)
			check(t, err)
			defer dir.Close()
			check(t, os.WriteFile(filepath.Join(r.run.Directory, listName), []byte("of an attempt before"), 0o600))
			check(t, os.Mkdir(filepath.Join(r.base, "other"), 0o755))
			for number := range entries {
				check(t, os.WriteFile(filepath.Join(r.base, "other", fmt.Sprint(number)), nil, 0o600))
			}
			check(t, NoteAndRecord(context.Background(), r.run, dir, "other"))
			is, err := dir.IdentityOf("other")
			check(t, err)
			if found, known, err := Noted(r.run.Directory); err != nil || !known || !found.Is(is) {
				t.Errorf("noted: %+v, %t, %v", found, known, err)
			}
			if _, err := os.Stat(filepath.Join(r.run.Directory, listName)); errors.Is(err, fs.ErrNotExist) != (entries == 0) {
				t.Errorf("the file of the list: %v", err)
			}
			for _, forgotten := range []bool{false, true, true} {
				if forgotten {
					check(t, Forget(r.run.Directory))
				}
				if _, known, err := Noted(r.run.Directory); err != nil || known == forgotten {
					t.Errorf("known %t, %v, after it was forgotten: %t", known, err, forgotten)
				}
				count := 0
				list := open(r.run.Directory)
				check(t, list.group(context.Background(), "", func(entry) error { count++; return nil }))
				list.close()
				if count != entries+1 {
					t.Errorf("%d entries are listed, want %d", count, entries+1)
				}
			}
		})
	}
}

// A list in a note that was changed lists nothing.
func TestNoteDamaged(t *testing.T) {
	r := newRelease(t)
	check(t, os.RemoveAll(r.run.Directory))
	check(t, os.Mkdir(r.run.Directory, 0o700))
	dir, err := openat.Open(r.base)
	check(t, err)
	defer dir.Close()
	check(t, os.Mkdir(filepath.Join(r.base, "other"), 0o755))
	check(t, NoteAndRecord(context.Background(), r.run, dir, "other"))
	path := filepath.Join(r.run.Directory, noteName+".sealed")
	text, err := os.ReadFile(path)
	check(t, err)
	for at := range text {
		changed := append([]byte(nil), text...)
		changed[at] ^= 1
		check(t, os.WriteFile(path, changed, 0o600))
		if noted(r.run.Directory) != nil {
			t.Errorf("byte %d", at)
		}
		if _, _, err := Noted(r.run.Directory); err == nil {
			t.Errorf("the identity: byte %d", at)
		}
	}
}
