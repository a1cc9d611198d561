package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMkdirConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	directory := func(t testing.TB, root string) string {
		must(t, os.Mkdir(root+"/folder", 0o700))
		must(t, os.Chmod(root+"/folder", 0o750|os.ModeSetgid))
		must(t, os.Chtimes(root+"/folder", time.Unix(1, 2), time.Unix(3, 4)))
		return root + "/folder"
	}
	cases := map[string]steptest.Suite{
		"one": {
			Arrange: func(_ testing.TB, root string) map[string]any {
				return map[string]any{"path": root + "/new", "mode": "1770", "owner": "12:34"}
			},
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				info, err := os.Stat(root + "/new")
				must(t, err)
				if got := permissionsOf(info); got != (permissions{0o1770, 12, 34}) || outputs["changed"] != true {
					t.Error(got, outputs)
				}
			},
		},
		"with parents": {
			Arrange: func(t testing.TB, root string) map[string]any {
				must(t, os.Chown(directory(t, root), 0, 77))
				return map[string]any{"path": root + "/folder/a/b/c", "parents": true, "mode": "0700"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				for name, want := range map[string]permissions{"a": {0o2755, 0, 77}, "a/b": {0o2755, 0, 77}, "a/b/c": {0o2700, 0, 77}} {
					info, err := os.Stat(root + "/folder/" + name)
					must(t, err)
					if got := permissionsOf(info); got != want {
						t.Errorf("%s: %v", name, got)
					}
				}
			},
		},
		"there, with another mode": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": directory(t, root), "mode": "o+rx", "owner": "5:6"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				info, err := os.Stat(root + "/folder")
				must(t, err)
				if got := permissionsOf(info); got != (permissions{0o2755, 5, 6}) {
					t.Error(got)
				}
			},
		},
		"there": {
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": directory(t, root), "mode": "0750", "parents": true}
			},
		},
	}
	for name, suite := range cases {
		suite.Type = Mkdir()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// TestMkdirUndoSparesWhatIsMounted: what somebody mounted in the new directory is not emptied.
func TestMkdirUndoSparesWhatIsMounted(t *testing.T) {
	need.Root(t, "it mounts")
	root := t.TempDir()
	run, arguments := runOf(t), map[string]any{"path": root + "/a/b", "parents": true}
	memo, err := Mkdir().Prepare(t.Context(), run, arguments)
	must(t, err)
	_, err = Mkdir().Do(t.Context(), run, arguments, memo)
	must(t, err)
	must(t, unix.Mount("tmpfs", root+"/a/b", "tmpfs", 0, "size=1m"))
	must(t, os.WriteFile(root+"/a/b/precious", nil, 0o600))
	found := fault.As(Mkdir().Undo(t.Context(), run, arguments, memo))
	if _, err := os.Stat(root + "/a/b/precious"); err != nil || found == nil || found.Code != "mkdir-mount-point" {
		t.Errorf("%v, %v", found, err)
	}
	must(t, unix.Unmount(root+"/a/b", 0))
	must(t, Mkdir().Undo(t.Context(), run, arguments, memo))
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Error(left)
	}
}

func TestSymlinkConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	link := func(t testing.TB, root, text string) string {
		must(t, os.Symlink(text, root+"/link"))
		must(t, os.Lchown(root+"/link", 12, 34))
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, root+"/link", []unix.Timespec{{Sec: 1}, {Sec: 3, Nsec: 4}}, unix.AT_SYMLINK_NOFOLLOW))
		return root + "/link"
	}
	cases := map[string]steptest.Suite{
		"new": {
			Arrange: func(_ testing.TB, root string) map[string]any {
				return map[string]any{"link": root + "/link", "to": "not/there/yet"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				if text, err := os.Readlink(root + "/link"); text != "not/there/yet" {
					t.Error(text, err)
				}
			},
		},
		"elsewhere": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"link": link(t, root, "old"), "to": "/new"}
			},
		},
		"already so": {
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"link": link(t, root, "../same"), "to": "../same"}
			},
		},
	}
	for name, suite := range cases {
		suite.Type = Symlink()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestChmodConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	withCapability := func(t testing.TB, root string) string {
		forest(t, root+"/forest")
		// cap_net_raw+ep, version 2
		raw := []byte{1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		must(t, unix.Setxattr(root+"/forest/none", capability, raw, 0))
		return root + "/forest"
	}
	cases := map[string]steptest.Suite{
		"a file's mode": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": withCapability(t, root) + "/none", "mode": "4750"}
			},
		},
		"a file's owner": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": withCapability(t, root) + "/none", "owner": "5:6"}
			},
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				if outputs["changed"] != 1 {
					t.Error(outputs)
				}
			},
		},
		"a tree": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"path": withCapability(t, root), "mode": "u=rwX,g=rX,o=", "owner": "5:6", "recursive": true}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				forest(t, root+"/again")
				out, err := exec.Command("sh", "-ec", `cd "$1/again"; chown -R -h 5:6 . ; chmod -R u=rwX,g=rX,o= .; cd ..
					for d in again forest; do (cd $d; find . -printf '%p %m %U:%G\n' | sort | sha256sum); done`, "sh", root).Output()
				must(t, err)
				must(t, os.RemoveAll(root+"/again"))
				if lines := strings.Fields(string(out)); lines[0] != lines[2] {
					t.Error("chmod and chown -R make something else of it")
				}
			},
		},
		"a tree that is so": {
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				must(t, os.MkdirAll(root+"/tree/sub", 0o755))
				return map[string]any{"path": root + "/tree", "mode": "u+rwX", "owner": "0:0", "recursive": true}
			},
		},
	}
	for name, suite := range cases {
		suite.Type = Chmod()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// TestChmodUndoLeavesOthers: entries that came or were replaced since keep what they have.
func TestChmodUndoLeavesOthers(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"stays", "goes", "replaced"} {
		must(t, os.WriteFile(root+"/"+name, nil, 0o600))
	}
	run, arguments := runOf(t), map[string]any{"path": root, "mode": "go+rX", "recursive": true}
	memo, err := Chmod().Prepare(t.Context(), run, arguments)
	must(t, err)
	_, err = Chmod().Do(t.Context(), run, arguments, memo)
	must(t, err)
	must(t, os.Remove(root+"/goes"))
	must(t, os.WriteFile(root+"/fresh", nil, 0o644))
	must(t, os.Rename(root+"/fresh", root+"/replaced"))
	must(t, Chmod().Undo(t.Context(), run, arguments, memo))
	for name, want := range map[string]os.FileMode{"stays": 0o600, "replaced": 0o644} {
		if info, err := os.Stat(root + "/" + name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

const siteTemplate = `host = {{ .host | upper }}
{{- range $i, $port := .ports }}
port.{{ $i }} = {{ $port }}
{{- end }}
{{ if .tls }}tls = on{{ end }}
wait = {{ .wait }} of {{ .space | quote }}
{{ dict "a" .ports | toJson }}
`

func TestTemplateConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	site := func(t testing.TB, root string) map[string]any {
		must(t, os.WriteFile(root+"/site.tmpl", []byte(siteTemplate), 0o600))
		wait, err := value.ParseDuration("90s")
		must(t, err)
		return map[string]any{"from": root + "/site.tmpl", "to": root + "/file", "values": map[string]any{
			"host": "gw-1", "ports": []any{80, 443}, "tls": true, "wait": wait, "space": value.SizeOf(3 << 20),
		}}
	}
	want := "host = GW-1\nport.0 = 80\nport.1 = 443\ntls = on\nwait = 1m30s of \"3MiB\"\n{\"a\":[80,443]}\n"
	rendered := func(t testing.TB, root string, _ map[string]any) {
		if got, err := os.ReadFile(root + "/file"); string(got) != want {
			t.Errorf("%q %v", got, err)
		}
	}
	cases := map[string]steptest.Suite{
		"new": {Forget: []string{"site.tmpl"}, AfterDo: rendered, Arrange: func(t testing.TB, root string) map[string]any { return site(t, root) }},
		"over an old one": {
			Forget: []string{"site.tmpl"}, AfterDo: rendered,
			Arrange: func(t testing.TB, root string) map[string]any {
				old(t, root)
				arguments := site(t, root)
				arguments["mode"], arguments["owner"] = "0600", "1:2"
				return arguments
			},
		},
		"already so": {
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				must(t, os.WriteFile(root+"/file", []byte(want), 0o600))
				return site(t, root)
			},
		},
	}
	for name, suite := range cases {
		suite.Type = Template()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// TestTemplatesThatFail: what is wrong is told with its line, and what to do about it.
func TestTemplatesThatFail(t *testing.T) {
	for text, want := range map[string]struct{ code, message, hint string }{
		"a\n{{ now }}":               {"template-invalid", "t.tmpl:2: ", "the function now is left out: expressions cannot see the clock"},
		"{{ env \"HOME\" }}":         {"template-invalid", "t.tmpl:1: ", "environment"},
		"{{ nosuch 1 }}":             {"template-invalid", "nosuch", "sprig"},
		"{{ if }}":                   {"template-invalid", "missing value for if", "correct it"},
		"\n\n{{ .absent }}":          {"template-failed", "t.tmpl:3:3: ", "values"},
		"{{ .host.deeper }}":         {"template-failed", "t.tmpl:1:", "values"},
		"{{ fail \"not here\" }}":    {"template-failed", "not here", "values"},
		"{{ template \"nothing\" }}": {"template-failed", "nothing", "values"},
		"{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}": {"template-failed", "exceeded maximum template depth", "values"},
		"{{ range until 9999 }}{{ $.long }}{{ end }}":                         {"template-too-long", "16MiB", "loops"},
		strings.Repeat("x", largestTemplate+1):                                {"template-too-long", "1MiB", ""},
	} {
		root := t.TempDir()
		must(t, os.WriteFile(root+"/t.tmpl", []byte(text), 0o600))
		_, err := Template().Plan(t.Context(), step.Local{}, map[string]any{
			"from": root + "/t.tmpl", "to": root + "/to", "values": map[string]any{"host": "x", "long": strings.Repeat("y", 4096)},
		})
		found := fault.As(err)
		if found == nil || found.Code != want.code || !strings.Contains(found.Error(), want.message) || !strings.Contains(found.Hint, want.hint) {
			t.Errorf("%.40q: %v", text, err)
		}
		if left, _ := filepath.Glob(root + "/to"); len(left) > 0 {
			t.Errorf("%.40q was written", text)
		}
	}
}
