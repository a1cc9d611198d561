package durable

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Each bit of a note or of its digest: the note is never taken for another one, and never for none.
func TestCheckedNoteNamesEachFlippedBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	text := []byte(`{"inode": 64, "path": "/a@b c"}`)
	if err := WriteChecked(path, text); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadChecked(path); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("%q, %v", got, err)
	}
	flipEach(t, path+sealedSuffix, func() error { _, err := ReadChecked(path); return err })
	if err := RemoveChecked(path); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadChecked(path); err != nil || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := RemoveChecked(path); err != nil {
		t.Error(err)
	}
}

// The same of a note as an older gwe wrote it.
func TestSummedNoteNamesEachFlippedBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	text := []byte(`{"inode": 64, "path": "/a@b c"}`)
	for path, text := range map[string][]byte{path: text, path + sumSuffix: sumOf(text)} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadChecked(path); err != nil || !bytes.Equal(got, text) {
		t.Fatalf("%q, %v", got, err)
	}
	flipEach(t, path, func() error { _, err := ReadChecked(path); return err })
	flipEach(t, path+sumSuffix, func() error { _, err := ReadChecked(path); return err })
	if err := RemoveChecked(path); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadChecked(path); err != nil || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSealedNamesEachFlippedBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sealed")
	if got, err := ReadSealed(path); err != nil || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := WriteSealed(path, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSealed(path); err != nil || string(got) != "text" {
		t.Fatalf("%q, %v", got, err)
	}
	flipEach(t, path, func() error { _, err := ReadSealed(path); return err })
}

func flipEach(t *testing.T, path string, read func() error) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << bit
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := read(); code(err) != "note-damaged" {
				t.Errorf("%s, byte %d, bit %d: %v", filepath.Base(path), at, bit, err)
			}
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckedNoteThatEndsEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	whole := seal([]byte(`{"inode": 64}`))
	for end := 1; end < len(whole); end++ {
		if err := os.WriteFile(path+sealedSuffix, whole[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadChecked(path); code(err) != "note-damaged" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// What a power cut leaves of a note that was not durable counts as none.
func TestCheckedNoteThatIsTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	whole := seal([]byte(`{"inode": 64}`))
	zeros := make([]byte, len(whole))
	for name, left := range map[string][]byte{"empty": nil, "zeros": zeros, "zeros from the middle": append(whole[:9:9], zeros[9:]...)} {
		if err := os.WriteFile(path+sealedSuffix, left, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadChecked(path); err != nil || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestSummedNoteThatEndsEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	text := []byte(`{"inode": 64}`)
	for _, left := range [][2][]byte{{text[:5], sumOf(text)}, {text, sumOf(text)[:9]}, {[]byte("{"), sumOf(text)}} {
		for i, path := range []string{path, path + sumSuffix} {
			if err := os.WriteFile(path, left[i], 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := ReadChecked(path); code(err) != "note-damaged" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// A note of an older gwe has its digest beside it, or none.
func TestSummedNoteThatIsTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note")
	text := []byte(`{"inode": 64}`)
	sum := sumOf(text)
	for name, left := range map[string]struct {
		text, sum []byte
		want      []byte
	}{
		"both empty":       {nil, []byte{}, nil},
		"the note empty":   {nil, sum, nil},
		"the digest empty": {text, []byte{}, nil},
		"zeros":            {make([]byte, len(text)), sum, nil},
		"zeros for both":   {make([]byte, len(text)), make([]byte, len(sum)), nil},
		"no digest":        {text, nil, text},
		"zeros, no digest": {make([]byte, len(text)), nil, nil},
	} {
		if err := os.WriteFile(path, left.text, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(path + sumSuffix)
		if left.sum != nil {
			if err := os.WriteFile(path+sumSuffix, left.sum, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := ReadChecked(path); err != nil || string(got) != string(left.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
