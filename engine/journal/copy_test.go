package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestMasked: a copy is as whole as its original, and says the same but for what is masked.
func TestMasked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	written, err := Create(path, "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "the secret is sesame", "three"} {
		if err := written.Append("said", map[string]string{"text": text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := written.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mask := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("sesame"), []byte("***")) }
	if same := Masked(content, func(text []byte) []byte { return text }); !bytes.Equal(same, content) {
		t.Errorf("a copy without a change differs:\n%s\n%s", same, content)
	}
	copied := Masked(content, mask)
	if bytes.Contains(copied, []byte("sesame")) {
		t.Errorf("not masked:\n%s", copied)
	}
	records, _, _, err := parse(path, copied)
	if err != nil || len(records) != 4 || string(records[2].Data) != `{"text":"the secret is ***"}` || string(records[3].Data) != `{"text":"three"}` {
		t.Errorf("the copy reads as %v, %v", records, err)
	}
	damaged := bytes.Clone(content)
	damaged[bytes.Index(damaged, []byte("one"))] ^= 1
	if _, _, _, err := parse(path, Masked(damaged, mask)); code(err) != "journal-damaged" {
		t.Errorf("the copy of a damaged journal reads as %v", err)
	}
	torn := content[:len(content)-20]
	if records, _, _, err := parse(path, Masked(torn, mask)); err != nil || len(records) != 3 {
		t.Errorf("the copy of a torn journal reads as %v, %v", records, err)
	}
}
