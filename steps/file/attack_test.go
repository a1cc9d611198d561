package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/file"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// put makes files and, for a name that ends in "/", directories.
func put(t testing.TB, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if name[len(name)-1] == '/' {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnderAttack tries each step type on what is new, and on what is there already.
func TestUnderAttack(t *testing.T) {
	for name, c := range map[string]attack.Case{
		"write": {Type: file.Write(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/file")
				return map[string]any{"path": work + "/sub/file", "content": "new", "mode": "", "owner": ""}
			}},
		"write, new": {Type: file.Write(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/")
				return map[string]any{"path": work + "/sub/file", "content": "new", "mode": "0640", "owner": "12:34"}
			}},
		"template": {Type: file.Template(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file", "from"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/file", "from")
				return map[string]any{"from": work + "/from", "to": work + "/sub/file", "values": map[string]any{}, "mode": "", "owner": ""}
			}},
		"copy": {Type: file.Copy(), Parents: []string{".", "sub"}, Leaves: []string{"sub/to", "sub/to/deep"},
			Arrange: func(t testing.TB, work, root string) map[string]any {
				put(t, root, "from/a", "from/deep/b")
				put(t, work, "sub/to/old", "sub/to/deep/older")
				return map[string]any{"from": root + "/from", "to": work + "/sub/to", "mode": "u=rwX,go=rX", "owner": "12:34", "replace": true}
			}},
		"copy, of theirs": {Type: file.Copy(), Leaves: []string{"from", "from/deep", "from/deep/b"},
			Arrange: func(t testing.TB, work, root string) map[string]any {
				put(t, work, "from/a", "from/deep/b")
				return map[string]any{"from": work + "/from", "to": root + "/to", "mode": "", "owner": "", "replace": false}
			}},
		"move": {Type: file.Move(), Parents: []string{".", "one", "two"}, Leaves: []string{"one/from", "two/to"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "one/from/a", "two/to/b")
				return map[string]any{"from": work + "/one/from", "to": work + "/two/to", "replace": true}
			}},
		"remove": {Type: file.Remove(), Parents: []string{".", "sub"}, Leaves: []string{"sub/gone", "sub/gone/deep"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/gone/a", "sub/gone/deep/b")
				return map[string]any{"path": work + "/sub/gone", "missing": "error"}
			}},
		"mkdir": {Type: file.Mkdir(), Parents: []string{".", "sub"}, Leaves: []string{"sub/new", "sub/new/deep"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/")
				return map[string]any{"path": work + "/sub/new/deep", "parents": true, "mode": "0750", "owner": "12:34"}
			}},
		"mkdir, there": {Type: file.Mkdir(), Parents: []string{".", "sub"}, Leaves: []string{"sub/there"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/there/")
				return map[string]any{"path": work + "/sub/there", "parents": false, "mode": "0700", "owner": "12:34"}
			}},
		"symlink": {Type: file.Symlink(), Parents: []string{".", "sub"}, Leaves: []string{"sub/link"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/old", "sub/other")
				if err := os.Symlink("old", work+"/sub/link"); err != nil {
					t.Fatal(err)
				}
				return map[string]any{"link": work + "/sub/link", "to": "other"}
			}},
		"chmod": {Type: file.Chmod(), Parents: []string{".", "sub"}, Leaves: []string{"sub/tree", "sub/tree/deep", "sub/tree/deep/b"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/tree/a", "sub/tree/deep/b")
				return map[string]any{"path": work + "/sub/tree", "mode": "u=rwX,g=rX,o=", "owner": "12:34", "recursive": true}
			}},
		"chmod, one": {Type: file.Chmod(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file"},
			Arrange: func(t testing.TB, work, _ string) map[string]any {
				put(t, work, "sub/file")
				return map[string]any{"path": work + "/sub/file", "mode": "0666", "owner": "", "recursive": false}
			}},
	} {
		t.Run(name, func(t *testing.T) { attack.Run(t, c) })
	}
}
