package transfer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/attack"
	"github.com/gwe-project/gwe/steps/transfer"
)

// put makes files that hold their names.
func put(t testing.TB, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRsyncUnderAttack: into a directory that is new, and into one that is there.
func TestRsyncUnderAttack(t *testing.T) {
	for name, there := range map[string][]string{"new": {"sub/other"}, "there": {"sub/target/same", "sub/target/gone/old", "sub/target/deep/b"}} {
		leaves := []string{"sub/target"}
		if name == "there" {
			leaves = append(leaves, "sub/target/deep", "sub/target/deep/b", "sub/target/gone")
		}
		t.Run(name, func(t *testing.T) {
			attack.Run(t, attack.Case{
				Type: transfer.Rsync(), Parents: []string{".", "sub"}, Leaves: leaves,
				Arrange: func(t testing.TB, work, root string) map[string]any {
					put(t, root, "source/same", "source/deep/b", "source/deep/c")
					put(t, work, there...)
					return map[string]any{"source": root + "/source/", "target": work + "/sub/target", "delete": true, "empty": "refused"}
				},
			})
		})
	}
	t.Run("of theirs", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: transfer.Rsync(), Leaves: []string{"from/source", "from/source/deep", "from/source/deep/b", "from/older", "from/older/same"},
			Arrange: func(t testing.TB, work, root string) map[string]any {
				put(t, work, "from/source/same", "from/source/deep/b", "from/older/same")
				return attack.Arguments(t, transfer.Rsync(), map[string]any{"source": work + "/from/source", "target": root + "/target", "link-dest": []any{work + "/from/older"}})
			},
		})
	})
}

// TestDownloadUnderAttack: to a file that is new, to one that is there, and from one of theirs.
func TestDownloadUnderAttack(t *testing.T) {
	given := func(t testing.TB, from, to string) map[string]any {
		return attack.Arguments(t, transfer.Download(), map[string]any{"url": "file://" + from, "to": to, "partial-dir": t.TempDir()})
	}
	for name, there := range map[string]string{"new": "sub/other", "there": "sub/file"} {
		t.Run(name, func(t *testing.T) {
			attack.Run(t, attack.Case{
				Type: transfer.Download(), Parents: []string{".", "sub"}, Leaves: []string{"sub/file"},
				Arrange: func(t testing.TB, work, root string) map[string]any {
					put(t, root, "source")
					put(t, work, there)
					return given(t, root+"/source", work+"/sub/file")
				},
			})
		})
	}
	t.Run("of theirs", func(t *testing.T) {
		attack.Run(t, attack.Case{
			Type: transfer.Download(), Leaves: []string{"from/source"},
			Arrange: func(t testing.TB, work, root string) map[string]any {
				put(t, work, "from/source")
				return given(t, work+"/from/source", root+"/file")
			},
		})
	})
}
