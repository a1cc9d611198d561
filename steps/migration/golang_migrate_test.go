package migration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sqlHistory is what the migrations of golang-migrate do, up and down.
var sqlHistory = []struct{ name, up, down string }{
	{"000001_initial", "CREATE TABLE sensor (name TEXT)", "DROP TABLE sensor"},
	{"000002_site", "CREATE TABLE site (name TEXT)", "DROP TABLE site"},
	{"000003_unit", "ALTER TABLE sensor ADD COLUMN unit TEXT", "ALTER TABLE sensor DROP COLUMN unit"},
}

// TestGolangMigrate takes a database down and up with another tool than Django: one that counts versions, and has a file
// for each way.
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
	run("testdata/golang-migrate", "go", "build", "-o", root+"/golang-migrate", ".")
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
	if err != nil || fmt.Sprintf("%v %v", outputs["to"], outputs["undone"]) != "000001_initial [000003_unit 000002_site]" {
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
