package syncs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sample is a step, and what it finds.
type sample struct {
	// name is the step type's, and in what form it is tried where there are several.
	name string
	// step is the step as YAML. ROOT stands for a directory of its own, with what arrange has made.
	step    string
	arrange func(s *site)
	// head is what the recipe has above its steps.
	head string
}

// stepType is the type that a sample is of.
func (s sample) stepType() string { return strings.TrimSuffix(strings.Fields(s.name)[0], ",") }

// site is where a sample's step works.
type site struct {
	root string
	// shared holds what all sites use: packages and keys.
	shared string
	// daemon is the configuration file of a supervisord that is to run meanwhile; "" is none.
	daemon string
	err    error
}

func (s *site) path(name string) string { return filepath.Join(s.root, name) }

func (s *site) check(err error) {
	if s.err == nil {
		s.err = err
	}
}

// write makes files, their directories too.
func (s *site) write(content string, names ...string) {
	for _, name := range names {
		s.check(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
		s.check(os.WriteFile(s.path(name), []byte(content), 0o755))
	}
}

func (s *site) link(text, name string) { s.check(os.Symlink(text, s.path(name))) }

func file(s *site)   { s.write("old\n", "file") }
func source(s *site) { s.write("new\n", "source") }
func tree(s *site)   { s.write("new\n", "tree/a", "tree/b/c", "tree/b/d") }
func both(s *site)   { tree(s); s.write("old\n", "old/a", "old/e") }
func release(s *site) {
	s.write("new\n", "opt/new/a")
	s.write("old\n", "opt/old/a")
	s.link("old", "opt/current")
}

// samples are steps of every type that has effects, in each form that makes another number of syncs likely,
// and some of those that only read.
var samples = []sample{
	{name: "assert", step: "assert: { that: true, message: never }"},
	{name: "read-link", step: "read-link: { path: ROOT/opt/current }", arrange: release},
	{name: "checksum", step: "checksum: { path: ROOT/file }", arrange: file},
	{name: "disk-space", step: "disk-space: { path: ROOT, at-least: 1KiB }"},
	{name: "find-fallback", step: "find-fallback: { dir: ROOT/opt }", arrange: release},
	{name: "verify", step: "verify: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys }"},

	{name: "write, a new file", step: "write: { path: ROOT/file, content: new }"},
	{name: "write, over a file", step: "write: { path: ROOT/file, content: new }", arrange: file},
	{name: "write, a secret", step: "write: { path: ROOT/file, content: \"${{ inputs.token }}\", mode: \"0600\" }", head: "inputs: { token: { type: secret, required: true } }\n"},
	{name: "template, a new file", step: "template: { from: ROOT/source, to: ROOT/file }", arrange: source},
	{name: "template, over a file", step: "template: { from: ROOT/source, to: ROOT/file }", arrange: func(s *site) { source(s); file(s) }},
	{name: "template, a secret", step: "template: { from: ROOT/source, to: ROOT/file, values: { a: \"${{ inputs.token }}\" }, mode: \"0600\" }", arrange: source,
		head: "inputs: { token: { type: secret, required: true } }\n"},
	{name: "copy, a new file", step: "copy: { from: ROOT/source, to: ROOT/file }", arrange: source},
	{name: "copy, over a file", step: "copy: { from: ROOT/source, to: ROOT/file }", arrange: func(s *site) { source(s); file(s) }},
	{name: "copy, a new directory", step: "copy: { from: ROOT/tree, to: ROOT/new }", arrange: tree},
	{name: "copy, over a directory", step: "copy: { from: ROOT/tree, to: ROOT/old, replace: true }", arrange: both},
	{name: "move, a file", step: "move: { from: ROOT/source, to: ROOT/b/file }", arrange: func(s *site) { source(s); s.write("", "b/other") }},
	{name: "move, over a file", step: "move: { from: ROOT/source, to: ROOT/b/file, replace: true }", arrange: func(s *site) { source(s); s.write("old", "b/file") }},
	{name: "move, over a directory", step: "move: { from: ROOT/tree, to: ROOT/old, replace: true }", arrange: both},
	{name: "remove, a file", step: "remove: ROOT/file", arrange: file},
	{name: "remove, a directory", step: "remove: ROOT/tree", arrange: tree},
	{name: "mkdir", step: "mkdir: { path: ROOT/folder }"},
	{name: "mkdir, several", step: "mkdir: { path: ROOT/a/b/c, parents: true }"},
	{name: "mkdir, another mode", step: "mkdir: { path: ROOT/tree, mode: \"0700\" }", arrange: tree},
	{name: "symlink, a new one", step: "symlink: { link: ROOT/link, to: /nowhere }"},
	{name: "symlink, another text", step: "symlink: { link: ROOT/link, to: /nowhere }", arrange: func(s *site) { s.link("/old", "link") }},
	{name: "chmod, a file", step: "chmod: { path: ROOT/file, mode: \"0600\" }", arrange: file},
	{name: "chmod, a tree", step: "chmod: { path: ROOT/tree, mode: \"go=\", recursive: true }", arrange: tree},

	{name: "swap-link", step: "swap-link: { link: ROOT/opt/current, to: ROOT/opt/new }", arrange: release},
	{name: "swap-link, a new one", step: "swap-link: { link: ROOT/link, to: ROOT/opt/new }", arrange: release},
	{name: "prune", step: "prune: { dir: ROOT/opt, keep: 1 }", arrange: func(s *site) { s.write("", "opt/a/x", "opt/b/x", "opt/c/x", "opt/d/x") }},
	{name: "failsafe", step: "failsafe: { dir: ROOT/opt }", arrange: func(s *site) { s.write("", "opt/current/a") }},
	{name: "link-tree", step: "link-tree: { from: [ROOT/tree], into: ROOT/old }", arrange: both},

	{name: "unpack", step: "unpack: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys, into: ROOT/opt }", arrange: release},
	{name: "unpack, a new directory", step: "unpack: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys, into: ROOT/opt }"},
	{name: "unpack, with link-dest", step: "unpack: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys, into: ROOT/opt, link-dest: SHARED/app }",
		arrange: release},
	{name: "unpack, a name is taken", step: "unpack: { package: SHARED/app.tar.zst.gpg, keyring: SHARED/keys, into: ROOT/opt }",
		arrange: func(s *site) { s.write("", "opt/app/x", "opt/app-1/x") }},
	{name: "extract", step: "extract: { archive: SHARED/app.tar, unverified: allow, to: ROOT/new }"},
	{name: "extract, with link-dest", step: "extract: { archive: SHARED/app.tar, unverified: allow, strip: 1, to: ROOT/new, link-dest: SHARED/app }"},
	{name: "extract, for an empty directory", step: "extract: { archive: SHARED/app.tar, unverified: allow, to: ROOT/new }",
		arrange: func(s *site) { s.check(os.Mkdir(s.path("new"), 0o755)) }},
	{name: "download", step: "download: { url: \"file://SHARED/app.tar\", to: ROOT/new, partial-dir: SHARED/partial }"},
	{name: "rsync, a new directory", step: "rsync: { source: ROOT/tree, target: ROOT/new }", arrange: tree},
	{name: "rsync, over a directory", step: "rsync: { source: ROOT/tree, target: ROOT/old, delete: true }", arrange: both},
	{name: "rsync, with link-dest", step: "rsync: { source: ROOT/tree, target: ROOT/new, link-dest: [ROOT/twin] }", arrange: func(s *site) {
		tree(s)
		s.check(os.CopyFS(s.path("twin"), os.DirFS(s.path("tree"))))
		for _, name := range []string{"a", "b/c", "b/d"} {
			info, err := os.Lstat(s.path("tree/" + name))
			s.check(err)
			if err == nil {
				s.check(os.Chmod(s.path("twin/"+name), info.Mode()))
				s.check(os.Chtimes(s.path("twin/"+name), info.ModTime(), info.ModTime()))
			}
		}
	}},

	{name: "run", step: "run: { argv: [\"true\"] }\n    undo: none"},
	{name: "run, a secret", step: "run: { argv: [\"true\"], env: { TOKEN: \"${{ inputs.token }}\" } }\n    undo: none",
		head: "inputs: { token: { type: secret, required: true } }\n"},
	{name: "hook", step: "hook: { script: hook, dir: ROOT }\n    undo: none", arrange: func(s *site) { s.write("#!/bin/sh\n", "hook") }},
	{name: "wait-for", step: "wait-for: { command: [\"true\"], within: 1m }\n    undo: none"},
	{name: "migration-rollback", step: "migration-rollback: { running: ROOT/two, new: ROOT/one, folder: m, command: [\"true\", \"{migration}\"] }",
		arrange: func(s *site) { s.write("", "one/m/0001_a.py", "two/m/0001_a.py", "two/m/0002_b.py") }},
	{name: "supervisor-conf, a new file", step: "supervisor-conf: { app: app, from: ROOT/source, into: ROOT/conf.d, server: \"unix://ROOT/none\", attempts: 1 }",
		arrange: func(s *site) {
			s.write("[supervisord]\ncommand=/bin/cat\n", "source")
			s.check(os.Mkdir(s.path("conf.d"), 0o755))
		}},
	{name: "supervisor-conf, over a file", step: "supervisor-conf: { app: app, from: ROOT/source, into: ROOT/conf.d, server: \"unix://ROOT/none\", attempts: 1 }",
		arrange: func(s *site) {
			s.write("[supervisord]\ncommand=/bin/cat\n", "source")
			s.write("old", "conf.d/app.conf")
		}},
	{name: "supervisor", step: "supervisor: { action: restart, programs: [app], server: \"unix://ROOT/sock\" }", arrange: func(s *site) {
		s.daemon = s.path("supervisord.conf")
		s.write(fmt.Sprintf("[unix_http_server]\nfile=%[1]s/sock\n[supervisord]\nnodaemon=true\nlogfile=%[1]s/log\npidfile=%[1]s/pid\n"+
			"[supervisorctl]\nserverurl=unix://%[1]s/sock\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"+
			"[program:app]\ncommand=/bin/sleep 600\nstartsecs=0\n", s.root), "supervisord.conf")
	}},
}
