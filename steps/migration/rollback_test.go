package migration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/migration"
	"github.com/gwe-project/gwe/steps/steptest"
)

// instant is the time of every file in the database.
var instant = time.Unix(1700000000, 0)

func TestMain(m *testing.M) { steptest.Main(m, migration.Rollback()) }

// tool is a migration tool as small as can be: ROOT/db holds one file for each migration that was run. It
// knows only the migrations of the release in which it runs, and does one after the other. It fails at one
// named "failing", down and not up.
const tool = `#!/bin/sh
set -eu
folder=$1 goal=$2
for file in $(ls -r ../db); do
	name=${file%.sql}
	[ "$name" \> "$goal" ] || break
	[ -e "$folder/$file" ] || { echo "unknown: $name" >&2; exit 3; }
	case $name in *failing) echo "cannot undo $name" >&2; exit 1 ;; esac
	echo "undoing $name"
	rm "../db/$file"
done
for file in $(ls "$folder"); do
	name=${file%.sql}
	[ "$name" \> "$goal" ] && break
	[ -e "../db/$file" ] || { echo "running $name"; touch -d @1700000000 "../db/$file"; }
done
`

// arrange makes a database and two releases with the migrations given; the tool is in the running one alone.
func arrange(t testing.TB, root, running, new string) map[string]any {
	t.Helper()
	write := func(name, content string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("old/migrate", tool)
	if err := os.Chmod(filepath.Join(root, "old/migrate"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(running) {
		write("old/app/migrations/"+name+".sql", "")
		write("db/"+name+".sql", "")
		if err := os.Chtimes(filepath.Join(root, "db", name+".sql"), instant, instant); err != nil {
			t.Fatal(err)
		}
	}
	write("new/version", "1")
	for name := range strings.FieldsSeq(new) {
		write("new/app/migrations/"+name+".sql", "")
	}
	return map[string]any{
		"running": root + "/old", "new": root + "/new", "folder": "app/migrations", "pattern": "[0-9]*.sql",
		"command": []any{"./migrate", "app/migrations", "{migration}"},
	}
}

func database(t testing.TB, root string) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "db"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), ".sql"))
	}
	return strings.Join(names, " ")
}

func TestRollbackConforms(t *testing.T) {
	for name, suite := range map[string]steptest.Suite{
		"back": {
			Arrange: func(t testing.TB, root string) map[string]any { return arrange(t, root, "01_a 02_b 03_c", "01_a") },
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				if got := database(t, root); got != "01_a" || fmt.Sprintf("%v %v %v", outputs["from"], outputs["to"], outputs["undone"]) != "[03_c] [01_a] [03_c 02_b]" {
					t.Errorf("the database has %s; outputs %v", got, outputs)
				}
			},
			Forget: []string{"new"},
		},
		"nothing to do": {Idle: true, Arrange: func(t testing.TB, root string) map[string]any { return arrange(t, root, "01_a", "01_a 02_b") }},
	} {
		suite.Type = migration.Rollback()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// frame is one frame of the step, as the engine would hold it.
type frame struct {
	run       *step.Run
	arguments map[string]any
	memo      json.RawMessage
}

func prepare(t testing.TB, given map[string]any) (frame, error) {
	t.Helper()
	converted, err := value.Convert(migration.Rollback().Arguments(), given)
	if err != nil {
		t.Fatal(err)
	}
	f := frame{run: &step.Run{ID: "r", Step: "s", Machine: step.Local{}, Directory: t.TempDir(), Started: func(int) {}}, arguments: converted.(map[string]any)}
	f.memo, err = migration.Rollback().Prepare(t.Context(), f.run, f.arguments)
	return f, err
}

func (f frame) do(ctx context.Context) (map[string]any, error) {
	return migration.Rollback().Do(ctx, f.run, f.arguments, f.memo)
}

func (f frame) undo(ctx context.Context) error {
	return migration.Rollback().Undo(ctx, f.run, f.arguments, f.memo)
}

func TestRollbackThatFailsHalfWay(t *testing.T) {
	root := t.TempDir()
	f, err := prepare(t, arrange(t, root, "01_a 02_failing 03_c 04_d", "01_a"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.do(t.Context())
	if found := fault.As(err); found == nil || found.Code != "process-exit" || found.Class != fault.Failed {
		t.Errorf("do: %#v", err)
	}
	if got := database(t, root); got != "01_a 02_failing" {
		t.Errorf("the database has %s", got)
	}
	if err := f.undo(t.Context()); err != nil {
		t.Error(err)
	}
	if got := database(t, root); got != "01_a 02_failing 03_c 04_d" {
		t.Errorf("after undo the database has %s", got)
	}
}

// TestRollbackFollowsNoLink: the link to the running release leads to the new one when undo comes.
func TestRollbackFollowsNoLink(t *testing.T) {
	root := t.TempDir()
	arguments := arrange(t, root, "01_a 02_b", "01_a")
	link := filepath.Join(root, "current")
	if err := os.Symlink("old", link); err != nil {
		t.Fatal(err)
	}
	arguments["running"] = link
	f, err := prepare(t, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("new", link); err != nil {
		t.Fatal(err)
	}
	if err := f.undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := database(t, root); got != "01_a 02_b" {
		t.Errorf("the database has %s", got)
	}
	leases, err := migration.Rollback().Leases(f.arguments, f.memo)
	if err != nil || len(leases) != 1 || leases[0] != root+"/old" {
		t.Errorf("leases are %v, %v", leases, err)
	}
}

// TestRollbackNeverExecutesAValue: a placeholder stands inside an element, and what a shell would make of it
// does not happen.
func TestRollbackNeverExecutesAValue(t *testing.T) {
	root := t.TempDir()
	arguments := arrange(t, root, "01_a 02_b", "01_a 02_b")
	for _, name := range []string{"old", "new"} {
		if err := os.WriteFile(filepath.Join(root, name, "app/migrations", "03_$(touch x);b.sql"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(root+"/old/app/migrations/04_d.sql", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/old/say", []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" > said\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	arguments["command"] = []any{"./say", "--to={migration}", "{number}", "{other}", "a b"}
	f, err := prepare(t, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.do(t.Context()); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(root + "/old/said")
	if want := "--to=03_$(touch x);b\n03\n{other}\na b\n"; err != nil || string(said) != want {
		t.Errorf("the command was told %q, want %q, %v", said, want, err)
	}
}

func TestRollbackRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		running, new string
		change       map[string]any
		class        fault.Class
		code         string
	}{
		"no common":              {running: "01_a", new: "05_x", class: fault.Refused, code: "migration-none-common"},
		"renamed":                {running: "01_a 02_b", new: "01_a 02_x", class: fault.Refused, code: "migration-renamed"},
		"directory outside":      {change: map[string]any{"folder": "../x"}, class: fault.Refused, code: "migration-directory"},
		"directory misspelt":     {running: "01_a 02_b", new: "01_a", change: map[string]any{"folder": "app/migratons"}, class: fault.Refused, code: "migration-directory"},
		"bad pattern":            {change: map[string]any{"pattern": "[0-"}, class: fault.Refused, code: "migration-pattern"},
		"pattern with directory": {change: map[string]any{"pattern": "a/*.py"}, class: fault.Refused, code: "migration-pattern"},
		"no program":             {change: map[string]any{"command": []any{}}, class: fault.Refused, code: "migration-command"},
		"no place":               {change: map[string]any{"command": []any{"./migrate", "app"}}, class: fault.Refused, code: "migration-command"},
		"no place in up":         {change: map[string]any{"up": []any{"./migrate"}}, class: fault.Refused, code: "migration-command"},
		"running is gone":        {change: map[string]any{"running": "/nowhere/at/all"}, class: fault.Failed, code: "migration-no-release"},
		"an option":              {running: "01_a -rf", new: "01_a", change: map[string]any{"pattern": "*.sql"}, class: fault.Refused, code: "migration-name"},
		"no such program":        {running: "01_a 02_b", new: "01_a", change: map[string]any{"command": []any{"./none", "{migration}"}}, class: fault.Failed, code: "process-not-found"},
		"not in the path":        {running: "01_a 02_b", new: "01_a", change: map[string]any{"command": []any{"no-such-program", "{migration}"}}, class: fault.Failed, code: "process-not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			arguments := arrange(t, root, c.running, c.new)
			for key, changed := range c.change {
				arguments[key] = changed
			}
			before := ""
			if c.running != "" {
				before = database(t, root)
			}
			f, err := prepare(t, arguments)
			found := fault.As(err)
			if found == nil || found.Class != c.class || found.Code != c.code {
				t.Fatalf("%#v, want %s %s", err, c.class, c.code)
			}
			if c.class == fault.Refused {
				if _, err := migration.Rollback().Plan(t.Context(), step.Local{}, f.arguments); fault.As(err) == nil || fault.As(err).Code != c.code || fault.As(err).Hint == "" {
					t.Errorf("plan: %#v", err)
				}
			}
			if c.running != "" && database(t, root) != before {
				t.Error("something ran")
			}
		})
	}
}

func TestRollbackPlan(t *testing.T) {
	root := t.TempDir()
	arguments := arrange(t, root, "01_a 02_b 03_c", "01_a")
	arguments["up"] = []any{"./migrate", "up", "to {number}"}
	f, err := prepare(t, arguments)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := migration.Rollback().Plan(t.Context(), step.Local{}, f.arguments)
	want := "undo 2 migrations, from 03_c back to 01_a\nrun in ROOT/old: ./migrate app/migrations 01_a\nrun in ROOT/old: ./migrate up \"to 03\""
	if got := strings.ReplaceAll(strings.Join(append(plan.Do, plan.Undo...), "\n"), root, "ROOT"); err != nil || got != want {
		t.Errorf("planned %s, want %s, %v", got, want, err)
	}
	if err := os.RemoveAll(root + "/new"); err != nil {
		t.Fatal(err)
	}
	plan, err = migration.Rollback().Plan(t.Context(), step.Local{}, f.arguments)
	if err != nil || plan.Nothing || !strings.Contains(plan.Do[0], "once that is there") {
		t.Errorf("planned %v, %v", plan, err)
	}
}
