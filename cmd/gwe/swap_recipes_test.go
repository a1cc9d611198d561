package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps"
)

// swapped is a recipe that works in a directory of another user's. WORK is that directory, OURS one of
// root's, KEYS the keyring.
type swapped struct {
	name, steps string
	// parents are the directories in WORK in which the steps act.
	parents []string
	// files are what is in WORK: content, "-> TARGET" for a link, "" for a directory; a name that begins with
	// "OURS/" lies there.
	files map[string]string
}

// swappedRecipes have every step type that works with a path.
func swappedRecipes() []swapped {
	return []swapped{
		{
			name: "files", parents: []string{"", "sub", "one", "two"},
			files: map[string]string{
				"sub/file": "old", "sub/from": "filled", "sub/filled": "old", "sub/copy/old": "old", "one/from/a": "a", "two/to/b": "b",
				"sub/gone/deep/c": "c", "sub/link": "-> old", "sub/tree/deep/d": "d", "OURS/tree/a": "new a", "OURS/tree/deep/b": "new b",
			},
			steps: `
  - write: { path: "WORK/sub/file", content: new }
  - template: { from: "WORK/sub/from", to: "WORK/sub/filled", values: { name: x }, mode: "0644" }
  - copy: { from: "OURS/tree", to: "WORK/sub/copy", mode: "u=rwX,go=rX", owner: "12:34", replace: true }
  - move: { from: "WORK/one/from", to: "WORK/two/to", replace: true }
  - remove: "WORK/sub/gone"
  - mkdir: { path: "WORK/sub/new/deep", parents: true, mode: "0750", owner: "12:34" }
  - symlink: { link: "WORK/sub/link", to: other }
  - chmod: { path: "WORK/sub/tree", mode: "u=rwX,g=rX,o=", owner: "12:34", recursive: true }
`,
		},
		{
			name: "update", parents: []string{"", "opt", "system"},
			files: map[string]string{
				"opt/fw-1/etc/app/a": "a", "opt/fw-1/program": "1", "opt/current": "-> fw-1", "system/app/a": "-> ../../opt/fw-1/etc/app/a",
				"packages/fw-2.tar.zst.gpg": "package",
			},
			steps: `
  - read-link: { path: "WORK/opt/current" }
  - verify: { package: "WORK/packages/fw-2.tar.zst.gpg", keyring: "KEYS" }
  - id: fw
    unpack: { package: "WORK/packages/fw-2.tar.zst.gpg", keyring: "KEYS", into: "WORK/opt", link-dest: "WORK/opt/current" }
  - hook: { script: .post-install, dir: "${{ steps.fw.path }}" }
    effects: none
  - swap-link: { link: "WORK/opt/current", to: "${{ steps.fw.path }}" }
  - link-tree: { from: ["WORK/opt/current/etc"], into: "WORK/system", previous: ["WORK/opt/fw-1/etc"] }
`,
		},
		{
			name: "fallback", parents: []string{"", "opt", "first"},
			files: map[string]string{
				"opt/fw-0/program": "0", "opt/fw-1/program": "1", "opt/fw-2/program": "2", "opt/current": "-> fw-2", "first/current/program": "1",
				"opt/.gwe-releases/one": "1 installed \"fw-0\"\n2 installed \"fw-1\"\n3 installed \"fw-2\"\n",
			},
			steps: `
  - failsafe: "WORK/first"
  - id: back
    find-fallback: { dir: "WORK/opt" }
  - swap-link: { link: "WORK/opt/current", to: "${{ steps.back.target }}" }
  - prune: { dir: "WORK/opt", keep: 1 }
`,
		},
		{
			name: "trees", parents: []string{"", "sub", "releases", "releases/old", "conf.d"},
			files: map[string]string{
				"sub/old/deep/f": "f", "sub/target/gone/x": "x", "sub/target/deep/b": "old b", "conf.d/app.conf": "old", "packages/app.tar": "archive",
				"OURS/tree/a": "new a", "OURS/tree/deep/b": "newer b", "OURS/partial/other": "", "OURS/supervisor.conf": "[supervisord]\ncommand=/bin/app\n",
				"releases/old/migrations/0001_a.sql": "", "releases/old/migrations/0002_b.sql": "", "releases/new/migrations/0001_a.sql": "",
			},
			steps: `
  - extract: { archive: "WORK/packages/app.tar", to: "WORK/sub/app", unverified: allow, link-dest: "WORK/sub/old" }
  - rsync: { source: "OURS/tree/", target: "WORK/sub/target", delete: true }
  - rsync: { source: "WORK/sub/old", target: "OURS/mirror" }
  - download: { url: "file://WORK/sub/old/deep/f", to: "WORK/sub/fetched", partial-dir: "OURS/partial" }
  - migration-rollback: { running: "WORK/releases/old", new: "WORK/releases/new", folder: migrations, pattern: "[0-9]*.sql", command: [/bin/true, "{migration}"] }
  - supervisor-conf: { app: app, from: "OURS/supervisor.conf", into: "WORK/conf.d", server: "unix://OURS/none", attempts: 1 }
`,
		},
		{
			name: "checks", parents: []string{"", "sub"},
			files: map[string]string{"sub/file": "abc", "sub/there/x": "x"},
			steps: `
  - id: sum
    checksum: { path: "WORK/sub/file" }
  - disk-space: { path: "WORK/sub/there" }
  - wait-for: { file: "WORK/sub/file", within: 100ms, interval: 10ms }
  - run: { argv: [/bin/true], dir: "WORK/sub" }
    effects: none
  - write: { path: "WORK/sub/there/x", content: "${{ steps.sum.digest }}" }
`,
		},
	}
}

// TestSwappedRecipesHaveAllTypes: a step type with a path that no recipe has is not attacked.
func TestSwappedRecipesHaveAllTypes(t *testing.T) {
	var all strings.Builder
	for _, one := range swappedRecipes() {
		all.WriteString(one.steps)
	}
	for _, kind := range steps.Catalog() {
		if named := kind.About().Name; holdsPath(kind.Arguments()) && !strings.Contains(all.String(), " "+named+":") {
			t.Errorf("no recipe has the step type %s", named)
		}
	}
}

func holdsPath(of value.Type) bool {
	if of.Elem != nil && holdsPath(*of.Elem) || of.Kind == value.KindPath {
		return true
	}
	for _, field := range of.Fields {
		if holdsPath(field.Type) {
			return true
		}
	}
	return false
}

// recipeOf is the whole recipe: with a file of root's before and after the steps, which says what became of
// it.
func (s swapped) recipeOf(work, ours, keys string, fails bool) string {
	text := "gwe: 1\nname: " + s.name + "\nlock: [\"WORK\", \"OURS\"]\nsteps:\n  - write: { path: \"OURS/first\", content: new }\n" +
		strings.TrimPrefix(s.steps, "\n") + "  - write: { path: \"OURS/last\", content: new }\n"
	if fails {
		text += "  - run: { argv: [/bin/false] }\n    undo: none\n"
	}
	return strings.NewReplacer("WORK", work, "OURS", ours, "KEYS", keys).Replace(text + "  - commit: it is in place\n")
}

// arrange fills a directory, and root's beside it.
func (s swapped) arrange(d *device, work, ours, packed string) {
	d.Helper()
	check(d, os.MkdirAll(work, 0o755))
	check(d, os.MkdirAll(ours, 0o755))
	check(d, os.WriteFile(filepath.Join(ours, "first"), []byte("old"), 0o644))
	check(d, os.WriteFile(filepath.Join(ours, "last"), []byte("old"), 0o644))
	for name, content := range s.files {
		path := filepath.Join(work, name)
		if root, found := strings.CutPrefix(name, "OURS/"); found {
			path = filepath.Join(ours, root)
		}
		check(d, os.MkdirAll(filepath.Dir(path), 0o755))
		switch target, link := strings.CutPrefix(content, "-> "); {
		case link:
			check(d, os.Symlink(target, path))
			continue
		case content == "package":
			text, err := os.ReadFile(packed)
			check(d, err)
			content = string(text)
		case content == "archive":
			content = string(archive(d, item{name: "deep/f", content: "f"}, item{name: "deep/g", content: "g"}))
		}
		check(d, os.WriteFile(path, []byte(content), 0o644))
	}
}
