package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inPlace are what another user may put in the place of a file, each made at a path.
var inPlace = map[string]func(t *testing.T, path string){
	"fifo": func(t *testing.T, path string) { check(t, syscall.Mkfifo(path, 0o666)) },
	"zero": func(t *testing.T, path string) { check(t, os.Symlink("/dev/zero", path)) },
	"sparse": func(t *testing.T, path string) {
		check(t, os.WriteFile(path, nil, 0o644))
		check(t, os.Truncate(path, 1<<40))
	},
	"directory": func(t *testing.T, path string) { check(t, os.Mkdir(path, 0o755)) },
	"dangling":  func(t *testing.T, path string) { check(t, os.Symlink("nothing-there", path)) },
	"loop":      func(t *testing.T, path string) { check(t, os.Symlink(filepath.Base(path), path)) },
	"socket": func(t *testing.T, path string) {
		// The path of a socket is short.
		short, err := os.MkdirTemp("/tmp", "gwe")
		check(t, err)
		t.Cleanup(func() { os.RemoveAll(short) })
		socket, err := net.Listen("unix", short+"/s")
		check(t, err)
		t.Cleanup(func() { socket.Close() })
		check(t, os.Rename(short+"/s", path))
	},
}

// TestForeignFiles puts everything but a file in the place of each file that gwe reads. Each command ends at
// once, and names the file.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	const steps = "gwe: 1\nname: r\nsteps:\n  - "
	for name, test := range map[string]struct {
		file string // below the device's directory: what is replaced
		// recipe is run; FILE in it is the path. Else arguments are.
		recipe    string
		arguments []string
		// works lists what is right in the place of the file, or is not about it.
		works string
	}{
		"recipe":           {file: "x.yaml", arguments: []string{"run", "FILE"}},
		"validated recipe": {file: "x.yaml", arguments: []string{"validate", "FILE"}, works: "directory"}, // it says that no recipe is below
		"inputs":           {file: "in.yaml", arguments: []string{"run", "RECIPE", "--inputs", "FILE"}},
		"input":            {file: "token", arguments: []string{"run", "RECIPE", "-i", "token=@FILE"}},
		"tests":            {file: "x.test.yaml", arguments: []string{"test", "FILE"}, works: "directory"},
		"used recipe":      {file: "used.yaml", recipe: steps + "use: ./used.yaml\n"},
		"fact":             {file: "fact", recipe: "gwe: 1\nname: r\nfacts:\n  f: { type: string, file: FILE }\nsteps:\n  - assert: { that: true }\n"},
		"template":         {file: "x.tmpl", recipe: steps + "template: { from: FILE, path: ROOT/out, values: {} }\n"},
		"checksum":         {file: "sums", recipe: steps + "checksum: { path: ROOT/r.yaml, sums: FILE }\n"},
		"copy":             {file: "source", recipe: steps + "copy: { from: FILE, to: ROOT/out }\n", works: "fifo sparse zero directory dangling loop socket"},
		"settings":         {file: "x.conf", recipe: steps + "supervisor-conf: { app: a, from: FILE, path: ROOT/out.conf }\n"},
		"archive":          {file: "x.tar", recipe: steps + "extract: { archive: FILE, into: ROOT/out }\n"},
		"package":          {file: "x.tar.zst.gpg", recipe: steps + "verify: { package: FILE, keyring: ROOT/keys }\n"},
		"signature":        {file: "x.tar.zst.sig", recipe: steps + "verify: { package: ROOT/r.yaml, signature: FILE, keyring: ROOT/keys }\n"},
		"key":              {file: "keys/x.asc", recipe: steps + "verify: { package: ROOT/r.yaml, keyring: ROOT/keys }\n", works: "directory"},
		"imported key":     {file: "x.asc", arguments: []string{"keys", "import", "FILE", "--keyring", "ROOT/keys"}},
		"verified package": {file: "x.tar.zst.gpg", arguments: []string{"verify", "FILE", "--keyring", "ROOT/keys"}},
		"plugin":           {file: "plugins/gwe-step-x", arguments: []string{"steps", "describe", "FILE"}},
		"description":      {file: "plugins/gwe-step-x.json", recipe: steps + "x: {}\n", works: "directory dangling"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t)
			d.recipe("r.yaml", "gwe: 1\nname: r\ninputs:\n  token: { type: string, default: \"\" }\nsteps:\n  - assert: { that: true }\n")
			check(t, os.MkdirAll(d.root+"/plugins", 0o755))
			check(t, os.MkdirAll(d.root+"/keys", 0o755))
			path := filepath.Join(d.root, test.file)
			place := strings.NewReplacer("FILE", path, "ROOT", d.root, "RECIPE", d.root+"/r.yaml")
			arguments := append([]string(nil), test.arguments...)
			if test.recipe != "" {
				arguments = []string{"run", d.recipe("made.yaml", place.Replace(test.recipe))}
			}
			for i := range arguments {
				arguments[i] = place.Replace(arguments[i])
			}
			for kind, put := range inPlace {
				put(t, path)
				began := time.Now()
				command := d.command(append([]string{"--plugin-dir", d.root + "/plugins"}, arguments...)...)
				got := d.end(command)
				if took := time.Since(began); took > 20*time.Second || got.code >= 1000 {
					t.Errorf("%s: it took %v, and ended with %d:\n%s", kind, took, got.code, got.text)
				}
				if !strings.Contains(test.works, kind) && (got.code == 0 || !strings.Contains(got.text, filepath.Base(path))) {
					t.Errorf("%s: it ended with %d:\n%s", kind, got.code, got.text)
				}
				check(t, os.RemoveAll(path))
				check(t, os.RemoveAll(d.root+"/out"))
			}
		})
	}
}

// TestForeignHealth: the program on probation puts a FIFO in the place of its health file. At the deadline it
// is rolled back all the same.
func TestForeignHealth(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	check(t, os.MkdirAll(d.root+"/app", 0o755))
	check(t, os.WriteFile(d.root+"/app/health", []byte("starting"), 0o644))
	check(t, os.WriteFile(d.root+"/a", []byte("old"), 0o644))
	recipe := d.recipe("h.yaml", fmt.Sprintf(`gwe: 1
name: h
facts:
  health: { type: string, file: %[1]s/app/health, optional: true }
steps:
  - write: { path: %[1]s/a, content: new }
  - confirm: { within: 1s, until: '(facts.health ?? "") == "ok"' }
`, d.root))
	d.gwe("run", recipe).said(t, 75)
	check(t, os.Remove(d.root+"/app/health"))
	check(t, syscall.Mkfifo(d.root+"/app/health", 0o666))
	d.giveAway(d.root + "/app")
	time.Sleep(1500 * time.Millisecond)
	began := time.Now()
	if got := d.gwe("recover"); time.Since(began) > 20*time.Second {
		t.Errorf("it took %v:\n%s", time.Since(began), got.text)
	}
	if text, err := os.ReadFile(d.root + "/a"); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
}
