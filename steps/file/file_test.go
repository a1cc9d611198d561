package file

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/placement"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMain(m *testing.M) {
	steptest.Main(m, Write(), Remove(), Copy(), Move(), Mkdir(), Symlink(), Chmod(), Template())
}

// old makes a file with a mode, a time and a second link that an undo must give back.
func old(t testing.TB, root string) string {
	t.Helper()
	path := filepath.Join(root, "file")
	must(t, os.WriteFile(path, []byte("old content"), 0o600))
	must(t, os.Chmod(path, 0o750|os.ModeSetuid))
	must(t, os.Link(path, filepath.Join(root, "other-name")))
	must(t, os.Chtimes(path, time.Unix(1, 2), time.Unix(3, 4)))
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriteConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	cases := map[string]steptest.Suite{
		"new file": {
			Type: Write(),
			Arrange: func(_ testing.TB, root string) map[string]any {
				return map[string]any{"path": filepath.Join(root, "file"), "content": "new", "mode": "0640", "owner": "12:34"}
			},
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				info, err := os.Stat(filepath.Join(root, "file"))
				must(t, err)
				if uid, gid := placement.OwnerOf(info); info.Mode() != 0o640 || uid != 12 || gid != 34 || outputs["changed"] != true {
					t.Errorf("mode %v, owner %d:%d, outputs %v", info.Mode(), uid, gid, outputs)
				}
			},
		},
		"over an old one": {
			Type: Write(),
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": old(t, root), "content": "new"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				other, err := os.ReadFile(filepath.Join(root, "other-name"))
				must(t, err)
				if string(other) != "old content" {
					t.Errorf("the old file's other name holds %q: it was written in place", other)
				}
				info, err := os.Stat(filepath.Join(root, "file"))
				must(t, err)
				if info.Mode()&placement.ModeBits != 0o750|os.ModeSetuid {
					t.Errorf("the old mode was not kept: %v", info.Mode())
				}
			},
		},
		"already so": {
			Type: Write(),
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": old(t, root), "content": "old content"}
			},
		},
	}
	for name, suite := range cases {
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestRemoveConforms(t *testing.T) {
	cases := map[string]steptest.Suite{
		"file": {
			Type:    Remove(),
			Arrange: func(t testing.TB, root string) map[string]any { return map[string]any{"path": old(t, root)} },
		},
		"folder": {
			Type: Remove(),
			Arrange: func(t testing.TB, root string) map[string]any {
				must(t, os.MkdirAll(filepath.Join(root, "folder", "below"), 0o755))
				must(t, os.WriteFile(filepath.Join(root, "folder", "below", "file"), []byte("x"), 0o400))
				must(t, os.Symlink("/nowhere", filepath.Join(root, "folder", "link")))
				must(t, os.Chtimes(filepath.Join(root, "folder"), time.Unix(5, 6), time.Unix(7, 8)))
				return map[string]any{"path": filepath.Join(root, "folder")}
			},
		},
		"nothing there": {
			Type: Remove(),
			Idle: true,
			Arrange: func(_ testing.TB, root string) map[string]any {
				return map[string]any{"path": filepath.Join(root, "file"), "missing": "ok"}
			},
		},
	}
	for name, suite := range cases {
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestRefusals(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "folder"), 0o755))
	must(t, os.Symlink("folder", filepath.Join(root, "link")))
	leased := func(path string) bool { return path == filepath.Join(root, "folder") }
	tests := []struct {
		name      string
		stepType  step.Type
		arguments map[string]any
		code      string
	}{
		{"write over a directory", Write(), map[string]any{"path": root + "/folder", "content": ""}, "write-not-a-file"},
		{"write over a link", Write(), map[string]any{"path": root + "/link", "content": ""}, "write-not-a-file"},
		{"write into nowhere", Write(), map[string]any{"path": root + "/no/file", "content": ""}, "write-no-directory"},
		{"a mode in decimal", Write(), map[string]any{"path": root + "/f", "content": "", "mode": "420"}, ""},
		{"a mode that is none", Write(), map[string]any{"path": root + "/f", "content": "", "mode": "rw"}, "mode-invalid"},
		{"an owner without group", Write(), map[string]any{"path": root + "/f", "content": "", "owner": "root"}, "owner-invalid"},
		{"an unknown owner", Write(), map[string]any{"path": root + "/f", "content": "", "owner": "nobody-here:root"}, "owner-unknown"},
		{"remove the root", Remove(), map[string]any{"path": "/"}, "remove-root"},
		{"remove a mount point", Remove(), map[string]any{"path": "/proc"}, "remove-mount-point"},
		{"remove nothing", Remove(), map[string]any{"path": root + "/nothing"}, "remove-missing"},
		{"remove what an undo needs", Remove(), map[string]any{"path": root + "/folder"}, "path-leased"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := &step.Run{ID: "run", Machine: step.Local{}, Leased: leased, Directory: t.TempDir()}
			_, err := test.stepType.Prepare(t.Context(), run, test.arguments)
			code := ""
			if f := fault.As(err); f != nil {
				code = f.Code
			}
			if code != test.code {
				t.Errorf("got %q (%v), want %q", code, err, test.code)
			}
		})
	}
}
