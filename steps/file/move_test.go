package file

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/steptest"
)

// elsewhere mounts another file system in the directory: of another device, or the same one by another way,
// which the kernel takes for another one too.
func elsewhere(t testing.TB, root, kind string) string {
	t.Helper()
	point := root + "/elsewhere"
	must(t, os.Mkdir(point, 0o755))
	switch kind {
	case "tmpfs":
		must(t, unix.Mount("tmpfs", point, "tmpfs", 0, "size=64m"))
	case "bind":
		must(t, unix.Mount(point, point, "", unix.MS_BIND, ""))
	}
	t.Cleanup(func() { must(t, unix.Unmount(point, unix.MNT_DETACH)) })
	return point
}

func TestMoveConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	cases := map[string]steptest.Suite{
		"file": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"from": old(t, root), "to": root + "/to"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				a, err := os.Stat(root + "/to")
				must(t, err)
				b, err := os.Stat(root + "/other-name")
				must(t, err)
				if !os.SameFile(a, b) {
					t.Error("it is not the file itself that was moved")
				}
			},
		},
		"file over a file": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/forest")
				return map[string]any{"from": old(t, root), "to": root + "/forest/file", "replace": true}
			},
		},
		"link over a directory": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/forest")
				must(t, os.Symlink("x", root+"/link"))
				return map[string]any{"from": root + "/link", "to": root + "/forest/sub", "replace": true}
			},
		},
		"folder": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/forest")
				return map[string]any{"from": root + "/forest", "to": root + "/wood"}
			},
		},
		"directory over a file": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/forest")
				return map[string]any{"from": root + "/forest", "to": old(t, root), "replace": true}
			},
		},
		"directory to another file system": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/forest")
				return map[string]any{"from": root + "/forest", "to": elsewhere(t, root, "tmpfs") + "/wood"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				if _, err := os.Lstat(root + "/forest"); err == nil {
					t.Error("it is still there")
				}
				if content, err := os.ReadFile(root + "/elsewhere/wood/sub/other-name"); string(content) != "content" {
					t.Error(err)
				}
			},
		},
		"directory over a directory by another way": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/forest")
				point := elsewhere(t, root, "bind")
				forest(t, point+"/wood")
				return map[string]any{"from": root + "/forest", "to": point + "/wood", "replace": true}
			},
		},
		"file over a file of another file system": {
			Arrange: func(t testing.TB, root string) map[string]any {
				point := elsewhere(t, root, "tmpfs")
				old(t, point)
				return map[string]any{"from": old(t, root), "to": point + "/file", "replace": true}
			},
		},
	}
	for name, suite := range cases {
		suite.Type = Move()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// TestMoveUndoSparesWhatOthersMade: what stands at the old place since is not overwritten, and what was moved
// is not lost.
func TestMoveUndoSparesWhatOthersMade(t *testing.T) {
	need.Root(t, "it mounts")
	for _, kind := range []string{"", "tmpfs"} {
		root := t.TempDir()
		to := root
		if kind != "" {
			to = elsewhere(t, root, kind)
		}
		must(t, os.WriteFile(root+"/from", []byte("ours"), 0o600))
		run, arguments := runOf(t), map[string]any{"from": root + "/from", "to": to + "/to"}
		memo, err := Move().Prepare(t.Context(), run, arguments)
		must(t, err)
		_, err = Move().Do(t.Context(), run, arguments, memo)
		must(t, err)
		must(t, os.WriteFile(root+"/from", []byte("theirs"), 0o600))
		if err := Move().Undo(t.Context(), run, arguments, memo); err == nil {
			t.Errorf("%q: the undo had nothing to complain about", kind)
		}
		theirs, _ := os.ReadFile(root + "/from")
		ours, _ := os.ReadFile(to + "/to")
		if string(theirs) != "theirs" || string(ours) != "ours" {
			t.Errorf("%q: %q and %q", kind, theirs, ours)
		}
		must(t, os.Remove(root+"/from"))
		must(t, Move().Undo(t.Context(), run, arguments, memo))
		if back, _ := os.ReadFile(root + "/from"); string(back) != "ours" {
			t.Errorf("%q: %q came back", kind, back)
		}
	}
}

// TestPlacementRefusals: what must not be done is refused before anything is touched.
func TestPlacementRefusals(t *testing.T) {
	need.Root(t, "it gives files to another user")
	root := t.TempDir()
	forest(t, root+"/forest")
	must(t, os.WriteFile(root+"/file", []byte("x"), 0o600))
	must(t, os.Symlink("forest", root+"/alias"))
	must(t, os.Symlink("nowhere", root+"/dangling"))
	must(t, os.WriteFile(root+"/good.tmpl", []byte("{{ .host }}"), 0o600))
	point := elsewhere(t, root, "tmpfs")
	leased := func(path string) bool { return path == root+"/forest/sub" }
	tests := []struct {
		name      string
		stepType  step.Type
		arguments map[string]any
		code      string
	}{
		{"copy nothing", Copy(), map[string]any{"from": root + "/no", "to": root + "/to"}, "copy-missing"},
		{"copy a dangling link", Copy(), map[string]any{"from": root + "/dangling", "to": root + "/to"}, "copy-missing"},
		{"copy into nowhere", Copy(), map[string]any{"from": root + "/file", "to": root + "/no/to"}, "copy-no-directory"},
		{"copy onto a directory", Copy(), map[string]any{"from": root + "/file", "to": root + "/forest"}, "copy-would-replace"},
		{"copy with a slash", Copy(), map[string]any{"from": root + "/file", "to": root + "/new/"}, "copy-to-a-directory"},
		{"copy onto a link", Copy(), map[string]any{"from": root + "/file", "to": root + "/dangling"}, "copy-would-replace"},
		{"copy a tree onto a tree", Copy(), map[string]any{"from": root + "/forest/sub", "to": root + "/forest/closed"}, "copy-would-replace"},
		{"copy onto itself", Copy(), map[string]any{"from": root + "/file", "to": root + "/file"}, "copy-into-itself"},
		{"copy onto itself by another name", Copy(), map[string]any{"from": root + "/forest/file", "to": root + "/forest/sub/other-name"}, "copy-into-itself"},
		{"copy into itself", Copy(), map[string]any{"from": root + "/forest", "to": root + "/forest/sub/new"}, "copy-into-itself"},
		{"copy into itself by a link", Copy(), map[string]any{"from": root + "/forest", "to": root + "/alias/new"}, "copy-into-itself"},
		{"copy over what holds it", Copy(), map[string]any{"from": root + "/forest/sub", "to": root + "/forest", "replace": true}, "copy-into-itself"},
		{"copy over a mount point", Copy(), map[string]any{"from": root + "/forest", "to": point, "replace": true}, "copy-mount-point"},
		{"copy over what an undo needs", Copy(), map[string]any{"from": root + "/file", "to": root + "/forest/sub", "replace": true}, "path-leased"},
		{"copy over the root", Copy(), map[string]any{"from": root + "/file", "to": "/", "replace": true}, "copy-root"},
		{"copy a tree shut", Copy(), map[string]any{"from": root + "/forest", "to": root + "/to", "mode": "0644"}, "copy-closes-directories"},
		{"copy with no mode", Copy(), map[string]any{"from": root + "/file", "to": root + "/to", "mode": "rw"}, "mode-invalid"},
		{"copy for nobody", Copy(), map[string]any{"from": root + "/file", "to": root + "/to", "owner": "root"}, "owner-invalid"},
		{"move nothing", Move(), map[string]any{"from": root + "/no", "to": root + "/to"}, "move-missing"},
		{"move the root", Move(), map[string]any{"from": "/", "to": root + "/to"}, "move-root"},
		{"move into nowhere", Move(), map[string]any{"from": root + "/file", "to": root + "/no/to"}, "move-no-directory"},
		{"move over a file", Move(), map[string]any{"from": root + "/file", "to": root + "/forest/none"}, "move-would-replace"},
		{"move onto itself", Move(), map[string]any{"from": root + "/file", "to": root + "/file", "replace": true}, "move-into-itself"},
		{"move into itself", Move(), map[string]any{"from": root + "/forest", "to": root + "/alias/sub/new"}, "move-into-itself"},
		{"move a mount point", Move(), map[string]any{"from": point, "to": root + "/to"}, "move-mount-point"},
		{"move what an undo needs", Move(), map[string]any{"from": root + "/forest/sub", "to": root + "/to"}, "path-leased"},
		{"mkdir in nowhere", Mkdir(), map[string]any{"path": root + "/no/new"}, "mkdir-no-directory"},
		{"mkdir at a file", Mkdir(), map[string]any{"path": root + "/file"}, "mkdir-not-a-directory"},
		{"mkdir at a dangling link", Mkdir(), map[string]any{"path": root + "/dangling"}, "mkdir-not-a-directory"},
		{"mkdir below a file", Mkdir(), map[string]any{"path": root + "/file/new", "parents": true}, "mkdir-not-a-directory"},
		{"mkdir by a link", Mkdir(), map[string]any{"path": root + "/alias"}, ""},
		{"link over a file", Symlink(), map[string]any{"link": root + "/file", "to": "x"}, "symlink-not-a-link"},
		{"link over a directory", Symlink(), map[string]any{"link": root + "/forest", "to": "x"}, "symlink-not-a-link"},
		{"link to nothing", Symlink(), map[string]any{"link": root + "/new", "to": ""}, "symlink-no-target"},
		{"link in nowhere", Symlink(), map[string]any{"link": root + "/no/new", "to": "x"}, "symlink-no-directory"},
		{"chmod nothing", Chmod(), map[string]any{"path": root + "/no", "mode": "0644"}, "chmod-missing"},
		{"chmod without a wish", Chmod(), map[string]any{"path": root + "/file"}, "chmod-nothing"},
		{"chmod a link", Chmod(), map[string]any{"path": root + "/alias", "mode": "0755"}, "chmod-link"},
		{"chmod a tree shut", Chmod(), map[string]any{"path": root + "/forest", "mode": "0644", "recursive": true}, "chmod-closes-directories"},
		{"chmod for nobody", Chmod(), map[string]any{"path": root + "/file", "owner": "nobody-here:root"}, "owner-unknown"},
		{"no template", Template(), map[string]any{"from": root + "/no", "to": root + "/to"}, "template-missing"},
		{"a directory for a template", Template(), map[string]any{"from": root + "/forest", "to": root + "/to"}, "template-not-a-file"},
		{"a value that is not given", Template(), map[string]any{"from": root + "/good.tmpl", "to": root + "/to"}, "template-failed"},
		{"a template over a directory", Template(), map[string]any{"from": root + "/good.tmpl", "to": root + "/forest", "values": map[string]any{"host": "x"}}, "template-not-a-file"},
		{"a template into nowhere", Template(), map[string]any{"from": root + "/good.tmpl", "to": root + "/no/to", "values": map[string]any{"host": "x"}}, "template-no-directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := &step.Run{ID: "run", Step: "s", Machine: step.Local{}, Leased: leased, Directory: t.TempDir()}
			_, err := test.stepType.Prepare(t.Context(), run, test.arguments)
			code := ""
			if f := fault.As(err); f != nil {
				code = f.Code
				if f.Hint == "" {
					t.Errorf("%s does not say what to do next", code)
				}
			}
			if code != test.code {
				t.Errorf("got %q (%v), want %q", code, err, test.code)
			}
			if left, _ := filepath.Glob(root + "/.gwe-*"); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}
