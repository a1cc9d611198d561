package transfer

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// TestManifestNamesEachFlippedBit: a whole manifest is never taken for one that was never sealed.
func TestManifestNamesEachFlippedBit(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, manifestName)
	list, err := newManifest(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []change{{verb: add, way: "a b@c", staged: "1", fresh: 5}, {verb: swap, way: "d", staged: "2", fresh: 6, old: 7}} {
		if err := list.write(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := list.seal(); err != nil {
		t.Fatal(err)
	}
	list.close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := sealed(directory); err != nil || !done {
		t.Fatalf("%v, %v", done, err)
	}
	for at := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << bit
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			if done, err := sealed(directory); done || err == nil || fault.As(err).Code != "rsync-manifest-damaged" {
				t.Fatalf("byte %d, bit %d: %v, %v", at, bit, done, err)
			}
		}
	}
	seal := bytes.LastIndex(whole, []byte(sealWord))
	for name, left := range map[string]struct {
		text []byte
		want bool
	}{
		"nothing":                          {nil, false},
		"within a line":                    {whole[:seal-3], false},
		"within the seal":                  {whole[:len(whole)-1], false},
		"zeros":                            {make([]byte, len(whole)), false},
		"a block of zeros":                 {append(make([]byte, 8), whole[8:]...), false},
		"of a gwe from before the seal":    {whole[:seal], true},
		"longer than a seal, and no lines": {bytes.Repeat([]byte("x"), 100), false},
	} {
		if err := os.WriteFile(path, left.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if done, err := sealed(directory); err != nil || done != left.want {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
}
