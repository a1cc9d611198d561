package release_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

const linkRecipe = `gwe: 1
name: links
inputs:
  root: { type: path, required: true }
  fail: { type: bool, default: false }
lock: ["${{ inputs.root }}"]
steps:
  - link-tree:
      from: ["${{ inputs.root }}/new/root"]
      into: ${{ inputs.root }}/into
      previous: ["${{ inputs.root }}/old/root"]
      releases: ${{ inputs.root }}
  - assert: { that: "${{ not inputs.fail }}", message: "it is to fail" }
  - commit: linked
`

// TestLinkTreeInARun: fails, is killed at every record, and ends as before or linked.
func TestLinkTreeInARun(t *testing.T) {
	recipe := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(recipe, []byte(linkRecipe), 0o644); err != nil {
		t.Fatal(err)
	}
	b, root := recipetest.New(t, catalog()), t.TempDir()
	arrange := func() {
		for _, directory := range []string{"into", "new", "old"} {
			if err := os.RemoveAll(filepath.Join(root, directory)); err != nil {
				t.Fatal(err)
			}
		}
		linked(t, root, busy, nil)
	}
	arrange()
	before := systemOf(t, root+"/into")
	b.WantExit(3, recipe, map[string]string{"root": root, "fail": "true"})
	if got := systemOf(t, root+"/into"); got != before {
		t.Errorf("after a failure it is\n%s\nwas\n%s", got, before)
	}
	b.WantExit(0, recipe, map[string]string{"root": root})
	after := systemOf(t, root+"/into")
	if before == after || !strings.Contains(after, "etc/app/deep/er/b -> ") {
		t.Fatalf("nothing was linked:\n%s", after)
	}
	if keptIn(t, root) == 0 {
		t.Error("nothing is kept for an undo")
	}
	b.WantExit(0, recipe, map[string]string{"root": root})
	if got := systemOf(t, root+"/into"); got != after || keptIn(t, root) > 0 {
		t.Errorf("after the next commit it is\n%s\nwas\n%s\nand %d names are kept", got, after, keptIn(t, root))
	}
	kills := b.KillEverywhere(recipe, map[string]string{"root": root}, arrange, func(committed bool) {
		want := before
		if committed {
			want = after
		}
		if got := systemOf(t, root+"/into"); got != want || !committed && keptIn(t, root) > 0 {
			t.Errorf("committed: %v; it is\n%s\nwant\n%s", committed, got, want)
		}
	})
	if kills < 8 {
		t.Errorf("%d kills are too few to prove anything", kills)
	}
}

// keptIn counts the hidden names.
func keptIn(t *testing.T, root string) (count int) {
	t.Helper()
	err := filepath.WalkDir(root+"/into", func(_ string, entry os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(entry.Name(), ".gwe-") {
			count++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// systemOf lists all names below a directory, with contents and the texts of links, and but for what is kept
// for an undo.
func systemOf(t *testing.T, root string) string {
	t.Helper()
	var lines []string
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(root, path)
		if strings.HasPrefix(info.Name(), ".gwe-") {
			return nil
		}
		status := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%q %v %d", relative, info.Mode(), status.Uid)
		if text, err := os.Readlink(path); err == nil {
			line = relative + " -> " + text
		} else if content, err := os.ReadFile(path); err == nil {
			line += " " + string(content)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
