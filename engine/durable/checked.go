package durable

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// SumSuffix ends the name of the file beside a checked note that holds its length and SHA-256.
const SumSuffix = ".sum"

// WriteChecked is WriteNote with the note's digest beside it: an undo goes by the note, and the journal may have no digest of it yet. The
// caller makes both durable, together with all else that has to be before it acts on the note.
func WriteChecked(path string, text []byte) error {
	if err := WriteNote(path, text); err != nil {
		return err
	}
	return WriteNote(path+SumSuffix, sumOf(text))
}

// ReadChecked reads such a note; it is nil where there is none. What a power cut leaves of one that was not durable yet counts as none,
// for nothing has acted on it: the note or its digest is empty or has NULs, since a page is written as one. Anything else that does not fit the digest is the
// fault note-damaged. A note without a digest is of a gwe that wrote none.
func ReadChecked(path string) ([]byte, error) {
	text, err := readNote(path)
	if err != nil || text == nil {
		return nil, err
	}
	sum, err := readNote(path + SumSuffix)
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

// torn reports whether a power cut can have left a note and its digest: one of them is missing, or has NULs. If one bit makes
// them fit, that is what was changed.
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

// RemoveChecked takes a note away, and its digest after it. It is no error if there is none.
func RemoveChecked(path string) error {
	for _, path := range []string{path, path + SumSuffix} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Explain(err, "cannot remove %s", path)
		}
	}
	return nil
}

// sealWord begins the last line of a sealed file.
const sealWord = "\nsha256 "

// WriteSealed is WriteFile, for its owner alone, with the SHA-256 of the text in a last line.
func WriteSealed(path string, text []byte) error {
	return WriteFile(path, fmt.Appendf(bytes.Clone(text), "%s%x\n", sealWord, sha256.Sum256(text)), 0o600)
}

// ReadSealed reads what WriteSealed wrote; it is nil where nothing is there. Any change of it is the fault note-damaged.
func ReadSealed(path string) ([]byte, error) {
	text, err := readNote(path)
	if err != nil || text == nil {
		return nil, err
	}
	end := len(text) - len(sealWord) - 2*sha256.Size - 1
	if end < 0 || string(text[end:]) != fmt.Sprintf("%s%x\n", sealWord, sha256.Sum256(text[:end])) {
		return nil, damaged(path)
	}
	return text[:end], nil
}
