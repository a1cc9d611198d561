package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/placement"
)

// TestAnEditedFileRefusesARollback: an undo would fail at it, or leave the new program's file; that is found
// before it begins, and the hint leads on.
func TestAnEditedFileRefusesARollback(t *testing.T) {
	for _, before := range []string{"", "old"} {
		t.Run("before: "+before, func(t *testing.T) {
			root := t.TempDir()
			p := confFile{Placement: placement.Placement{Path: filepath.Join(root, "app.conf"), New: filepath.Join(root, ".new")}, Digest: digestOf([]byte("new"))}
			if before != "" {
				p.Old = filepath.Join(root, ".old")
				must(t, os.WriteFile(p.Path, []byte(before), 0o644))
			}
			run := &step.Run{Directory: t.TempDir()}
			must(t, p.place(t.Context(), run, []byte("new")))
			must(t, p.inspect(run))
			must(t, os.WriteFile(p.Path, []byte("edited"), 0o644))
			if found := fault.As(p.inspect(run)); found == nil || found.Code != "supervisor-conf-changed" {
				t.Errorf("inspect: %v", found)
			}
			must(t, os.Rename(p.Path, p.Path+".changed"))
			must(t, p.inspect(run))
			must(t, p.undo(t.Context(), run))
			content, _ := os.ReadFile(p.Path)
			if string(content) != before {
				t.Errorf("the file holds %q, want %q", content, before)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
