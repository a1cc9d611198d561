package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// TestReplacingTellsOfLostLinks: on an overlayfs without an index, a file of the lower layer loses its other
// names when it is kept for the undo. The log says so, and says nothing where the names stay.
func TestReplacingTellsOfLostLinks(t *testing.T) {
	need.Root(t, "it mounts")
	fill := func(at string) {
		must(t, os.WriteFile(filepath.Join(at, "source"), []byte("new"), 0o644))
		for _, name := range []string{"write", "copy", "template"} {
			must(t, os.WriteFile(filepath.Join(at, name), []byte("old"), 0o644))
			must(t, os.Link(filepath.Join(at, name), filepath.Join(at, name+"-other")))
		}
	}
	plain := t.TempDir()
	fill(plain)
	for at, want := range map[string]bool{overlay(t, fill): true, plain: false} {
		for _, one := range []struct {
			name      string
			tried     step.Type
			arguments map[string]any
		}{
			{"write", Write(), map[string]any{"path": at + "/write", "content": "new"}},
			{"copy", Copy(), map[string]any{"from": at + "/source", "to": at + "/copy", "replace": false}},
			{"template", Template(), map[string]any{"from": at + "/source", "to": at + "/template"}},
		} {
			run, log := runOf(t), &said{}
			run.Log = tasklog.Begin(log, "step", one.name)
			memo, err := one.tried.Prepare(t.Context(), run, one.arguments)
			must(t, err)
			_, err = one.tried.Do(t.Context(), run, one.arguments, memo)
			must(t, err)
			if told := strings.Contains(log.text.String(), one.name+" had several names"); told != want {
				t.Errorf("%s in %s, told of it: %v\n%s", one.name, at, told, log.text.String())
			}
			must(t, one.tried.Undo(t.Context(), run, one.arguments, memo))
			if content, err := os.ReadFile(filepath.Join(at, one.name)); string(content) != "old" {
				t.Errorf("%s in %s holds %q after the undo, %v", one.name, at, content, err)
			}
			if _, names := inodeAt(t, filepath.Join(at, one.name)); names != 2 && !want {
				t.Errorf("%s in %s has %d names after the undo", one.name, at, names)
			}
		}
	}
}
