package made

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
)

// BenchmarkRecordAndSettle is what a step of 20,000 files pays for its undo after the commit.
func BenchmarkRecordAndSettle(b *testing.B) {
	root := filepath.Join(b.TempDir(), "tree")
	for d := range 200 {
		directory := filepath.Join(root, fmt.Sprint(d))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			b.Fatal(err)
		}
		for f := range 100 {
			if err := os.WriteFile(filepath.Join(directory, fmt.Sprint(f)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	run := &step.Run{Directory: b.TempDir()}
	for b.Loop() {
		if err := Record(b.Context(), run, root); err != nil {
			b.Fatal(err)
		}
		if err := Settle(b.Context(), run, root); err != nil {
			b.Fatal(err)
		}
	}
}
