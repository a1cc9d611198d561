package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// A rollback whose undo would fail for sure, since what it copies is gone, is refused before anything is
// touched.
func TestARollbackWithoutWhatItsUndoCopies(t *testing.T) {
	bench, root := recipetest.New(t, catalog()), t.TempDir()
	file := filepath.Join(t.TempDir(), "recipe.yaml")
	text := `gwe: 1
name: database
lock: [R/]
steps:
  - name: Save
    run: { argv: [cp, R/db, R/db.before] }
    undo:
      - remove: { path: R/db.before, missing: ok }
  - name: Migrate
    run: { script: "echo new >db", dir: R }
    undo:
      - copy: { from: R/db.before, to: R/db }
  - write: { path: R/app, content: "new\n" }
  - commit: in
`
	text = strings.ReplaceAll(text, "dir: R", "dir: "+root)
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "R/", root+"/")), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, root, `echo old >db; echo old >app`)
	bench.WantExit(0, file, nil)
	shell(t, root, `mv db.before elsewhere`)
	bench.WantRolledBack(6)
	if now := shell(t, root, `cat app db`); now != "new\nnew\n" {
		t.Errorf("the refused rollback left %q", now)
	}
	shell(t, root, `mv elsewhere db.before`)
	bench.WantRolledBack(0)
	if now := shell(t, root, `cat app db`); now != "old\nold\n" {
		t.Errorf("the rollback left %q", now)
	}
}
