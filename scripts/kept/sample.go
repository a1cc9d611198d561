package kept

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
)

// Sample is the recipe of which a step type's runs are made.
type Sample struct {
	Type string
	// Step is the step as YAML. ROOT stands for the tree, SHARED for the inputs that are removed after the
	// run.
	Step string
	// Arrange makes the old tree.
	Arrange func(*Tree)
	// Late moves the kill in the middle of the step to its very end: a program has done its work then, and
	// the journal does not say so.
	Late bool
	// Daemon is the configuration of a supervisord below ROOT that runs meanwhile; "" if there is none. Its
	// log, pid and sock are not compared.
	Daemon string
}

// Recipe is the whole recipe, with ROOT and SHARED in it.
func (s Sample) Recipe() string {
	if s.Type == Constructs {
		return constructs
	}
	return "gwe: 1\nname: kept\nlock: [ROOT]\nsteps:\n  - " + s.Step + "\n  - commit: the new tree is in place\n"
}

// then is when the last change of all files of an old tree was.
const then = "2026-01-02T03:04:05Z"

// Tree is a tree that is being made. After its first error it does nothing more.
type Tree struct {
	root, shared string
	err          error
}

func (t *Tree) path(name string) string { return filepath.Join(t.root, name) }

func (t *Tree) check(err error) { t.err = cmp.Or(t.err, err) }

// write makes files, with the directories that hold them.
func (t *Tree) write(content string, names ...string) {
	for _, name := range names {
		t.check(os.MkdirAll(filepath.Dir(t.path(name)), 0o755))
		t.check(os.WriteFile(t.path(name), []byte(content), 0o755))
	}
}

// Make makes the recipe of a site, its old tree and its inputs. All that lies in the tree has one time.
func (s Sample) Make(site Site) error {
	tree := Tree{root: site.Path("root"), shared: site.Path("shared")}
	tree.check(os.MkdirAll(tree.root, 0o755))
	tree.check(os.MkdirAll(tree.shared, 0o755))
	if s.Arrange != nil {
		s.Arrange(&tree)
	}
	at, err := time.Parse(time.RFC3339, then)
	tree.check(err)
	changed := unix.NsecToTimespec(at.UnixNano())
	if tree.check(os.WriteFile(site.Path("recipe.yaml"), []byte(site.Expand(s.Recipe())), 0o644)); s.Type == Constructs {
		tree.check(os.WriteFile(site.Path("used.yaml"), []byte(used), 0o644))
	}
	tree.check(filepath.WalkDir(tree.root, func(path string, _ fs.DirEntry, err error) error {
		return cmp.Or(err, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{changed, changed}, unix.AT_SYMLINK_NOFOLLOW))
	}))
	return tree.err
}

func (t *Tree) link(text, name string) { t.check(os.Symlink(text, t.path(name))) }

// pack makes a package and a plain archive of one directory, and the keyring for it, among the inputs.
func (t *Tree) pack() {
	inputs := Tree{root: t.shared}
	inputs.write("new\n", "app/a", "app/b/c")
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: t.shared})
	if t.check(cmp.Or(inputs.err, err)); t.err != nil {
		return
	}
	_, err = bundle.ImportKeys(inputs.path("keys"), key.Public)
	t.check(err)
	_, err = bundle.Pack(context.Background(), bundle.PackOptions{Directory: inputs.path("app"), SigningKey: key.Secret, Output: inputs.path("app.tar.zst.gpg")})
	t.check(err)
	if output, err := exec.Command("tar", "-C", t.shared, "-cf", inputs.path("app.tar"), "app").CombinedOutput(); err != nil {
		t.check(errors.Join(err, errors.New(string(output))))
	}
}

func file(t *Tree) { t.write("old\n", "file") }

func both(t *Tree) {
	t.write("new\n", "tree/a", "tree/b/c")
	t.write("old\n", "old/a", "old/e")
}

func releases(t *Tree) {
	t.write("new\n", "opt/new/a")
	t.write("old\n", "opt/old/a")
	t.link("old", "opt/current")
}

// supervised is the configuration of a supervisord with one program, which it does not start by itself: an
// undo has to.
const supervised = "[unix_http_server]\nfile=%[1]s/sock\n[supervisord]\nnodaemon=true\nlogfile=%[1]s/log\npidfile=%[1]s/pid\n" +
	"[supervisorctl]\nserverurl=unix://%[1]s/sock\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n" +
	"[program:app]\ncommand=/bin/sleep 600\nstartsecs=0\nautostart=false\n"

// Samples has one of every step type, in the form that leaves most to its undo.
var Samples = []Sample{
	{Type: "read-link", Step: "read-link: { path: ROOT/opt/current }", Arrange: releases},
	{Type: "verify", Step: "verify: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys }", Arrange: func(t *Tree) { t.pack() }},
	{Type: "assert", Step: "assert: { that: true, message: never }"},
	{Type: "checksum", Step: "checksum: { path: ROOT/file }", Arrange: file},
	{Type: "disk-space", Step: "disk-space: { path: ROOT, at-least: 1KiB }"},
	{Type: "find-fallback", Step: "find-fallback: { dir: ROOT/opt }", Arrange: releases},
	{Type: "wait-for", Step: "wait-for: { file: ROOT/file, within: 1m }", Arrange: file},

	{Type: "write", Step: "write: { path: ROOT/file, content: new, mode: \"0600\" }", Arrange: file},
	{Type: "template", Step: "template: { from: ROOT/source, to: ROOT/file, values: { word: new } }", Arrange: func(t *Tree) { file(t); t.write("{{ .word }}\n", "source") }},
	{Type: "copy", Step: "copy: { from: ROOT/tree, to: ROOT/old, replace: true }", Arrange: both},
	{Type: "move", Step: "move: { from: ROOT/tree, to: ROOT/old, replace: true }", Arrange: both},
	{Type: "remove", Step: "remove: ROOT/tree", Arrange: both},
	{Type: "mkdir", Step: "mkdir: { path: ROOT/a/b/c, parents: true }"},
	{Type: "symlink", Step: "symlink: { link: ROOT/link, to: /new }", Arrange: func(t *Tree) { t.link("/old", "link") }},
	{Type: "chmod", Step: "chmod: { path: ROOT/tree, mode: \"go=\", recursive: true }", Arrange: both},

	{Type: "swap-link", Step: "swap-link: { link: ROOT/opt/current, to: ROOT/opt/new }", Arrange: releases},
	{Type: "prune", Step: "prune: { dir: ROOT/opt, keep: 1 }", Arrange: func(t *Tree) { t.write("old\n", "opt/a/x", "opt/b/x", "opt/c/x") }},
	{Type: "failsafe", Step: "failsafe: { dir: ROOT/opt }", Arrange: func(t *Tree) { t.write("old\n", "opt/current/a") }},
	{Type: "link-tree", Step: "link-tree: { from: [ROOT/tree], into: ROOT/old }", Arrange: both},

	{Type: "unpack", Step: "unpack: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys, into: ROOT/opt }", Arrange: func(t *Tree) { t.pack(); releases(t) }},
	{Type: "extract", Step: "extract: { archive: SHARED/app.tar, unverified: allow, to: ROOT/opt/app }", Arrange: func(t *Tree) { t.pack(); releases(t) }},
	{Type: "rsync", Step: "rsync: { source: ROOT/tree, target: ROOT/old, delete: true }", Arrange: both},
	{Type: "download", Step: "download: { url: \"file://SHARED/app.tar\", to: ROOT/file, partial-dir: SHARED/partial }", Arrange: func(t *Tree) { t.pack(); file(t) }},

	{Type: "run", Step: "run: { argv: [mkdir, ROOT/made] }\n    undo:\n      - run: { argv: [rm, -rf, ROOT/made] }", Late: true},
	{Type: "hook", Step: "hook: { script: hook, dir: ROOT }\n    undo:\n      - run: { argv: [rm, -rf, ROOT/made] }", Late: true,
		Arrange: func(t *Tree) { t.write("#!/bin/sh\nmkdir made\n", "hook") }},
	{Type: "migration-rollback", Late: true,
		Step: "migration-rollback: { running: ROOT/two, new: ROOT/one, folder: m, command: [sh, -c, \"ln -sfn $0 database && touch -h -d $1 database\", \"{migration}\", \"" + then + "\"] }",
		Arrange: func(t *Tree) {
			t.write("", "one/m/0001_a.py", "two/m/0001_a.py", "two/m/0002_b.py")
			t.link("0002_b", "two/database")
		}},
	{Type: "supervisor-conf", Step: "supervisor-conf: { app: app, from: ROOT/source, into: ROOT/conf.d, server: \"unix://ROOT/none\", attempts: 1 }",
		Arrange: func(t *Tree) {
			t.write("[supervisord]\ncommand=/bin/cat\n", "source")
			t.write("old\n", "conf.d/app.conf")
		}},
	{Type: "supervisor", Step: "supervisor: { action: stop, programs: [app], server: \"unix://ROOT/sock\" }", Daemon: "supervisord.conf",
		Arrange: func(t *Tree) { t.write(fmt.Sprintf(supervised, t.root), "supervisord.conf") }},
}

// SampleOf is the sample of a step type, or Constructs.
func SampleOf(name string) (Sample, error) {
	if name == Constructs {
		return ofConstructs(), nil
	}
	for _, one := range Samples {
		if one.Type == name {
			return one, nil
		}
	}
	return Sample{}, fmt.Errorf("there is no sample of the step type %s: add one to scripts/kept/sample.go", name)
}
