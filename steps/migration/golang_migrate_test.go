package migration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// sqlHistory is what the migrations of golang-migrate do, up and down.
var sqlHistory = []struct{ name, up, down string }{
	{"000001_initial", "CREATE TABLE sensor (name TEXT)", "DROP TABLE sensor"},
	{"000002_site", "CREATE TABLE site (name TEXT)", "DROP TABLE site"},
	{"000003_unit", "ALTER TABLE sensor ADD COLUMN unit TEXT", "ALTER TABLE sensor DROP COLUMN unit"},
}

// buildGolangMigrate makes root/golang-migrate.
func buildGolangMigrate(t testing.TB, root string) {
	t.Helper()
	build := exec.Command("go", "build", "-o", root+"/golang-migrate", ".")
	build.Dir = "testdata/golang-migrate"
	build.Env = append(os.Environ(), "CGO_CFLAGS=-O0") // SQLite takes a minute to compile otherwise
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, output)
	}
}

// arrangeSQL makes the releases root/old and root/new.
func arrangeSQL(t testing.TB, root string) {
	t.Helper()
	for release, count := range map[string]int{"old": 1, "new": 3} {
		for _, one := range sqlHistory[:count] {
			for way, statement := range map[string]string{"up": one.up, "down": one.down} {
				path := filepath.Join(root, release, "sql", one.name+"."+way+".sql")
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(statement+";\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestGolangMigrate takes a database down and up with another tool than Django: one that counts versions, and
// has a file for each way.
func TestGolangMigrate(t *testing.T) {
	root := t.TempDir()
	run := func(dir, program string, arguments ...string) string {
		t.Helper()
		command := exec.Command(program, arguments...)
		command.Dir = dir
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", program, arguments, err, output)
		}
		return strings.TrimSpace(string(output))
	}
	buildGolangMigrate(t, root)
	arrangeSQL(t, root)
	query := func(statement string) string {
		t.Helper()
		program := "import sqlite3, sys\nwith sqlite3.connect('db') as base:\n for row in base.execute(sys.argv[1]): print(*row)\n"
		return run(root, python, "-S", "-E", "-c", program, statement)
	}
	picture := func() string {
		t.Helper()
		return query("SELECT version, dirty FROM schema_migrations") + "\n" + query("SELECT sql FROM sqlite_master WHERE name IN ('sensor', 'site') ORDER BY name") + "\n" + query("SELECT * FROM sensor")
	}
	run(root, root+"/golang-migrate", root+"/new/sql", root+"/db", "3")
	query("INSERT INTO sensor (name) VALUES ('roof')")
	three := picture()

	f, err := prepare(t, map[string]any{
		"running": root + "/new", "new": root + "/old", "folder": "sql", "pattern": "*.up.sql",
		"command": []any{root + "/golang-migrate", "sql", root + "/db", "{number}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := f.do(t.Context())
	if err != nil || fmt.Sprintf("%v %v", outputs["to"], outputs["undone"]) != "[000001_initial] [000003_unit 000002_site]" {
		t.Fatalf("%v, %v", outputs, err)
	}
	if got, want := picture(), "1 0\nCREATE TABLE sensor (name TEXT)\nroof"; got != want {
		t.Errorf("after do the database is\n%s\nwant\n%s", got, want)
	}
	for range 2 {
		if err := f.undo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := picture(); got != three {
			t.Errorf("after undo the database is\n%s\nwant\n%s", got, three)
		}
	}
}

// dirtyRecipe takes the database back, as a recipe of a vendor would.
const dirtyRecipe = `gwe: 1
name: dirty
inputs: { root: { type: path, required: true } }
steps:
  - migration-rollback:
      running: ${{ inputs.root }}/new
      new: ${{ inputs.root }}/old
      folder: sql
      pattern: "*.up.sql"
      command: ["${{ inputs.root }}/golang-migrate", sql, "${{ inputs.root }}/db", "{number}"]
`

// TestGolangMigrateDirty: a way down that fails in the middle leaves a database that golang-migrate calls
// dirty, and does not touch again before a person has said which version it is. The run ends with exit code
// 5, and says so.
func TestGolangMigrateDirty(t *testing.T) {
	root := t.TempDir()
	b := recipetest.New(t, catalog())
	run := func(program string, arguments ...string) {
		t.Helper()
		if output, err := exec.Command(program, arguments...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", program, arguments, err, output)
		}
	}
	buildGolangMigrate(t, root)
	arrangeSQL(t, root)
	run(root+"/golang-migrate", root+"/new/sql", root+"/db", "3")
	bad := root + "/new/sql/000002_site.down.sql"
	if err := os.WriteFile(bad, []byte("DROP TABLE nowhere;\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(file, []byte(dirtyRecipe), 0o644); err != nil {
		t.Fatal(err)
	}
	result := b.WantExit(5, file, map[string]string{"root": root})
	if len(result.Others) == 0 {
		t.Fatal("nothing is said of the undo")
	}
	found := fault.As(result.Others[0])
	if found == nil || !strings.Contains(found.Hint, "force VERSION") || !strings.Contains(found.Hint, "run in "+root+"/new: "+root+"/golang-migrate sql "+root+"/db 000003") {
		t.Errorf("the hint is %#v", found)
	}
	if !strings.Contains(b.Said(), "Dirty database version 1") {
		t.Errorf("the log does not show what the tool said:\n%s", b.Said())
	}
}
