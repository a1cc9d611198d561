package archive_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/archive"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// TestExtractionUnderAttack extracts into a directory of the stranger's, beside a release whose files it
// links.
func TestExtractionUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: archive.Extract(), Parents: []string{".", "sub"}, Leaves: []string{"sub/new", "sub/new/deep", "sub/new/deep/f", "sub/old/deep/f"},
		Arrange: func(t testing.TB, work, root string) map[string]any {
			packed, old := filepath.Join(root, "app.tar"), filepath.Join(work, "sub/old/deep")
			var text bytes.Buffer
			writer := tar.NewWriter(&text)
			content := bytes.Repeat([]byte("x"), 5000)
			for _, name := range []string{"deep/f", "deep/g", "h"} {
				if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
					t.Fatal(err)
				}
				if _, err := writer.Write(content); err != nil {
					t.Fatal(err)
				}
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(old, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(old+"/f", content, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(packed, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			return map[string]any{"archive": packed, "to": work + "/sub/new", "unverified": "allow", "link-dest": work + "/sub/old", "links": "inside", "strip": int64(0)}
		},
	})
}
