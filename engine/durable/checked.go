package durable

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// sealedSuffix ends the name of a checked note's file, which has the note and its digest.
const sealedSuffix = ".sealed"

// sumSuffix ends the name of the file beside a note that holds its length and SHA-256, as older gwes wrote
// them.
const sumSuffix = ".sum"

// WriteChecked is WriteNote with the note's digest after it: an undo goes by the note, and the journal may
// have no digest of it yet. The caller makes it durable, together with all else that has to be before it acts
// on the note.
func WriteChecked(path string, text []byte) error { return WriteNote(path+sealedSuffix, seal(text)) }

// ReadChecked reads such a note; it is nil where there is none. What a power cut leaves of one that was not
// durable yet counts as none, for nothing has acted on it: the file is empty or has NULs, since a page is
// written as one. Anything else that does not fit the digest is the fault note-damaged.
func ReadChecked(path string) ([]byte, error) {
	whole, err := readNote(path + sealedSuffix)
	if err != nil {
		return nil, err
	}
	if whole == nil {
		return readSummed(path)
	}
	text, sealed := unseal(whole)
	if sealed {
		return text, nil
	}
	one := func(whole []byte) bool { _, sealed := unseal(whole); return sealed }
	if (len(whole) == 0 || bytes.IndexByte(whole, 0) >= 0) && !oneBit(whole, one) {
		return nil, nil
	}
	return nil, damaged(path + sealedSuffix)
}

// readSummed reads a note of an older gwe: two files, or one that has no digest.
func readSummed(path string) ([]byte, error) {
	text, err := readNote(path)
	if err != nil || text == nil {
		return nil, err
	}
	sum, err := readNote(path + sumSuffix)
	switch {
	case err != nil:
		return nil, err
	case sum == nil && bytes.IndexByte(text, 0) >= 0:
		return nil, nil
	case sum == nil || bytes.Equal(sum, sumOf(text)):
		return text, nil
	case torn(text, sum):
		return nil, nil
	}
	return nil, damaged(path)
}

// readNote is nil where there is no such file.
func readNote(path string) ([]byte, error) {
	text, err := regular.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && text == nil {
		text = []byte{}
	}
	return text, Explain(err, "cannot read %s", path)
}

func sumOf(text []byte) []byte { return fmt.Appendf(nil, "%d %x\n", len(text), sha256.Sum256(text)) }

// torn reports whether a power cut can have left a note and its digest: one of them is missing, or has NULs.
// If one bit makes them fit, that is what was changed.
func torn(text, sum []byte) bool {
	fits := func(text, sum []byte) bool { return bytes.Equal(sum, sumOf(text)) }
	if oneBit(sum, func(sum []byte) bool { return fits(text, sum) }) || oneBit(text, func(text []byte) bool { return fits(text, sum) }) {
		return false
	}
	return len(text) == 0 || len(sum) == 0 || bytes.IndexByte(text, 0) >= 0 || bytes.IndexByte(sum, 0) >= 0
}

// oneBit reports whether the text is right with one of its bits changed.
func oneBit(text []byte, right func([]byte) bool) bool {
	again := bytes.Clone(text)
	for at := range again {
		for bit := range 8 {
			again[at] ^= 1 << bit
			if right(again) {
				return true
			}
			again[at] ^= 1 << bit
		}
	}
	return false
}

func damaged(path string) error {
	return fault.New(fault.Errored, "note-damaged", "%s was changed since gwe wrote it: its SHA-256 does not fit", path).
		WithHint("the storage or another program changed it: put right by hand what the step did, then close the run with `gwe resolve`")
}

// RemoveChecked takes a note away. It is not an error if there is none.
func RemoveChecked(path string) error { return RemoveNotes(path+sealedSuffix, path, path+sumSuffix) }

// RenameChecked gives a note another name in its directory.
func RenameChecked(path, other string) error {
	err := unix.Rename(path+sealedSuffix, other+sealedSuffix)
	if err != nil {
		err = &fs.PathError{Op: "rename", Path: path + sealedSuffix, Err: err}
	}
	return Explain(err, "cannot rename %s", path+sealedSuffix)
}

// RemoveNotes removes files in a directory of the state. It is not an error if one is not there.
func RemoveNotes(paths ...string) error {
	for _, path := range paths {
		if err := unix.Unlink(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Explain(&fs.PathError{Op: "remove", Path: path, Err: err}, "cannot remove %s", path)
		}
	}
	return nil
}

// sealWord begins the last line of a sealed file.
const sealWord = "\nsha256 "

// seal adds the SHA-256 of a text to it, in a last line.
func seal(text []byte) []byte {
	return fmt.Appendf(bytes.Clone(text), "%s%x\n", sealWord, sha256.Sum256(text))
}

// unseal takes the last line off; sealed is false where it does not fit.
func unseal(whole []byte) (text []byte, sealed bool) {
	end := len(whole) - len(sealWord) - 2*sha256.Size - 1
	if end < 0 || !bytes.Equal(seal(whole[:end]), whole) {
		return nil, false
	}
	return whole[:end], true
}

// WriteSealed is WriteFile, for its owner alone, with the SHA-256 of the text in a last line.
func WriteSealed(path string, text []byte) error { return WriteFile(path, seal(text), 0o600) }

// ReadSealed reads what WriteSealed wrote; it is nil where nothing is there. Any change of it is the fault
// note-damaged.
func ReadSealed(path string) ([]byte, error) {
	whole, err := readNote(path)
	if err != nil || whole == nil {
		return nil, err
	}
	text, sealed := unseal(whole)
	if !sealed {
		return nil, damaged(path)
	}
	return text, nil
}
