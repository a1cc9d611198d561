package migration_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/migration"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// python is Debian's, for which python3-django is.
const python = "/usr/bin/python3"

const recipe = "../../recipes/ota-django.yaml"

// project is a Django project as small as can be. Its database lies beside the releases' directory, in
// ROOT/db.
const project = `#!/usr/bin/python3
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
here = os.path.dirname(os.path.abspath(__file__))
settings.configure(
    INSTALLED_APPS=["gateway"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(here, "../../db/gateway.sqlite3")}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
execute_from_command_line(sys.argv)
`

// history is what the migrations do, in order. 0004_stuck can be run, and fails when it is undone.
var history = []struct{ name, operations string }{
	{"0001_initial", `migrations.CreateModel(name="Sensor", fields=[("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=40))])`},
	{"0002_unit", `migrations.AddField("sensor", "unit", models.CharField(max_length=9, default=""))`},
	{"0003_site", `migrations.CreateModel(name="Site", fields=[("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=40))])`},
	{"0004_stuck", `migrations.RunPython(migrations.RunPython.noop, fail), migrations.AddField("sensor", "note", models.CharField(max_length=9, default=""))`},
	{"0005_more", `migrations.CreateModel(name="More", fields=[("id", models.AutoField(primary_key=True))])`},
}

const migrationFile = `from django.db import migrations, models

def fail(apps, schema_editor):
    raise RuntimeError("this cannot be undone")

class Migration(migrations.Migration):
    dependencies = [%s]
    operations = [%s]
`

// releases are the packages of the tests: how many migrations each has, and what fails: a hook, or the last
// migration.
var releases = map[string]struct {
	migrations int
	fails      string
}{
	"app-0": {0, ""}, "app-1": {1, ""}, "app-3": {3, ""}, "app-5": {5, ""},
	"bad-1": {1, ".post-install"}, "bad-3": {3, ".post-install"}, "unready-3": {3, ".pre-install"}, "stuck-3": {3, "migration"},
}

// vendor packs the releases; it holds APP.tar.zst.gpg and keys/.
func vendor(t testing.TB) string {
	t.Helper()
	directory := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(directory, name)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, []byte(content), 0o755))
	}
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: directory})
	check(err)
	_, err = bundle.ImportKeys(filepath.Join(directory, "keys"), key.Public)
	check(err)
	for name, release := range releases {
		write(name+"/manage.py", project)
		write(name+"/gateway/__init__.py", "")
		write(name+"/gateway/models.py", "")
		write(name+"/gateway/migrations/__init__.py", "")
		dependencies := ""
		for i, one := range history[:release.migrations] {
			if release.fails == "migration" && i+1 == release.migrations {
				one.operations += ", migrations.RunPython(fail)"
			}
			write(name+"/gateway/migrations/"+one.name+".py", fmt.Sprintf(migrationFile, dependencies, one.operations))
			dependencies = fmt.Sprintf("(%q, %q)", "gateway", one.name)
		}
		for hook, line := range map[string]string{".pre-install": "rm -f ../../runs", ".post-install": `echo "${1##*/}" > ../../runs`} {
			text := "#!/bin/sh\nset -eu\n" + line + "\n"
			if release.fails == hook {
				text += "exit 1\n"
			}
			write(name+"/"+hook, text)
		}
		_, err := bundle.Pack(context.Background(), bundle.PackOptions{
			Directory: filepath.Join(directory, name), SigningKey: key.Secret, Output: filepath.Join(directory, name+".tar.zst.gpg"),
		})
		check(err)
	}
	return directory
}

// device is a machine in a directory: opt with the releases, db with the database, runs with the release that
// runs.
type device struct {
	*recipetest.Bench
	root, vendor string
	// more are inputs that differ from the usual ones.
	more map[string]string
}

// catalog is all that the recipes need.
func catalog() step.Catalog {
	whole := steps.Catalog()
	if _, there := whole.Find("migration-rollback"); !there {
		whole = append(whole, migration.Rollback())
	}
	return whole
}

func newDevice(t testing.TB, vendor string) *device {
	t.Helper()
	d := &device{recipetest.New(t, catalog()), t.TempDir(), vendor, nil}
	for _, directory := range []string{"opt", "db"} {
		if err := os.Mkdir(filepath.Join(d.root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *device) inputs(release string) map[string]string {
	given := map[string]string{
		"package": filepath.Join(d.vendor, release+".tar.zst.gpg"), "keyring": filepath.Join(d.vendor, "keys"), "target": d.root + "/opt",
		"apps": `{"gateway": "gateway/migrations"}`, "python": python, "keep": "3",
	}
	maps.Copy(given, d.more)
	return given
}

func (d *device) install(exit int, release string) {
	d.Helper()
	d.WantExit(exit, recipe, d.inputs(release))
}

// query runs some SQL on the database, and gives what it selects, one row a line.
func (d *device) query(statement string) string {
	d.Helper()
	return d.python("import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as base:\n for row in base.execute(sys.argv[2]): print(*row)\n", statement)
}

// python runs a program of the tests on the database.
func (d *device) python(program string, arguments ...string) string {
	d.Helper()
	command := append([]string{"-S", "-E", "-c", program, d.root + "/db/gateway.sqlite3"}, arguments...)
	output, err := exec.Command(python, command...).CombinedOutput()
	if err != nil {
		d.Fatalf("%q: %v: %s", arguments, err, output)
	}
	return strings.TrimSpace(string(output))
}

// dump prints what matters of a database: its migrations, its schema and its rows, but for what Django itself
// keeps.
const dump = `import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as base:
    names = [name for name, in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'django_%' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
    print(*base.execute("SELECT app, name FROM django_migrations WHERE name NOT LIKE '%squashed%' ORDER BY app, name"), sep="\n")
    for name in names:
        print(*base.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? ORDER BY sql", [name]), *base.execute("SELECT * FROM " + name), sep="\n")
`

// picture is the release that runs and all that matters of the database.
func (d *device) picture() string {
	d.Helper()
	link, _ := os.Readlink(d.root + "/opt/current")
	runs, _ := os.ReadFile(d.root + "/runs")
	lines := []string{"current: " + link, "runs: " + strings.TrimSpace(string(runs))}
	caches, _ := filepath.Glob(d.root + "/opt/*/*/__pycache__")
	return strings.Join(append(append(lines, caches...), d.python(dump)), "\n")
}

func (d *device) wantPicture(want string) {
	d.Helper()
	d.WantNothingHidden(d.root + "/opt")
	if got := d.picture(); got != want {
		d.Errorf("the machine is\n%s\nwant\n%s", got, want)
	}
}

func (d *device) wantMigrations(want string) {
	d.Helper()
	got := strings.Join(strings.Fields(d.query("SELECT name FROM django_migrations WHERE app = 'gateway' ORDER BY name")), " ")
	if got != want {
		d.Errorf("the database has %s, want %s", got, want)
	}
}

// save keeps the machine, and gives a function that restores it.
func (d *device) save() func() {
	d.Helper()
	saved := d.TempDir()
	copyAll := func(from, to string) {
		d.Helper()
		if output, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
			d.Fatalf("cp: %v: %s", err, output)
		}
	}
	copyAll(d.root, saved)
	return func() {
		d.Helper()
		entries, _ := os.ReadDir(d.root)
		for _, entry := range entries {
			if err := os.RemoveAll(filepath.Join(d.root, entry.Name())); err != nil {
				d.Fatal(err)
			}
		}
		copyAll(saved, d.root)
	}
}

func TestDjangoUpAndDown(t *testing.T) {
	d := newDevice(t, vendor(t))
	d.install(0, "app-1")
	d.wantMigrations("0001_initial")
	d.query("INSERT INTO gateway_sensor (name) VALUES ('roof')")
	one := d.picture()

	for _, bad := range []string{"bad-3", "unready-3", "stuck-3"} {
		d.install(3, bad)
		d.wantPicture(one)
	}
	if !strings.Contains(d.Said(), "Applying gateway.0002_unit... OK\n  Applying gateway.0003_site...") {
		t.Errorf("no update failed half way:\n%s", d.Said())
	}

	d.install(0, "app-3")
	d.wantMigrations("0001_initial 0002_unit 0003_site")
	three := d.picture()

	// The newer release is gone forward again after a downgrade that fails at its end.
	d.install(3, "bad-1")
	d.wantPicture(three)

	d.install(0, "app-1")
	d.wantPicture(strings.ReplaceAll(one, "app-1", "app-1-1"))
}

// TestDjangoFailingDowngrade: one of the migrations between cannot be undone, and the database is as it was.
func TestDjangoFailingDowngrade(t *testing.T) {
	d := newDevice(t, vendor(t))
	d.install(0, "app-5")
	d.query("INSERT INTO gateway_sensor (name, unit, note) VALUES ('roof', 'K', 'n')")
	five := d.picture()
	d.install(3, "app-1")
	d.wantPicture(five)
	if said := d.Said(); !strings.Contains(said, "this cannot be undone") || strings.Count(said, "Applying gateway.0005_more... OK") != 2 {
		t.Errorf("the way down did not begin and fail, or the way up did not come:\n%s", said)
	}
}

// TestDjangoFirstInstallFails: nothing of the application is left in a database that was empty, and nothing
// is taken from one that was not.
func TestDjangoFirstInstallFails(t *testing.T) {
	d := newDevice(t, vendor(t))
	d.install(3, "bad-1")
	d.wantMigrations("")
	d.install(0, "app-1")
	d.query("INSERT INTO gateway_sensor (name) VALUES ('roof')")
	if err := os.Remove(d.root + "/opt/current"); err != nil {
		t.Fatal(err)
	}
	d.install(3, "bad-3")
	if got := d.query("SELECT name FROM gateway_sensor"); got != "roof" {
		t.Errorf("the data are gone: %q", got)
	}
}

// TestDjangoReleaseWithoutMigrations: an update from such a release fails and is undone; a downgrade to it
// would delete all data, and is refused.
func TestDjangoReleaseWithoutMigrations(t *testing.T) {
	d := newDevice(t, vendor(t))
	d.install(0, "app-0")
	zero := d.picture()
	d.install(3, "bad-3")
	d.wantPicture(zero)
	d.install(0, "app-1")
	one := d.picture()
	d.install(3, "app-0")
	d.wantPicture(one)
}

// TestDjangoDisturbed lets a downgrade fail after every step, and kills gwe everywhere in it, in an update,
// and in a downgrade that fails.
func TestDjangoDisturbed(t *testing.T) {
	packages := vendor(t)
	for name, c := range map[string]struct {
		from, to string
		fails    bool
		turn     int
	}{
		"upgrade":           {from: "app-1", to: "app-3"},
		"downgrade":         {from: "app-3", to: "app-1", turn: 1},
		"failing downgrade": {from: "app-3", to: "bad-1", fails: true, turn: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, packages)
			d.install(0, c.from)
			columns, values := "name", "'roof'"
			if c.from == "app-3" {
				columns, values = "name, unit", "'roof', ''" // the content of a column does not come back
			}
			d.query("INSERT INTO gateway_sensor (" + columns + ") VALUES (" + values + ")")
			before, restore := d.picture(), d.save()
			after := before
			if !c.fails {
				d.install(0, c.to)
				after = d.picture()
			}
			if before == after && !c.fails {
				t.Fatal("the two states are the same")
			}
			news := 0
			check := func(committed bool) {
				if committed {
					news++
					d.wantPicture(after)
				} else {
					d.wantPicture(before)
				}
			}
			if name == "downgrade" {
				if failures := d.FailEverywhere(recipe, d.inputs(c.to), restore, check); failures != 13 {
					t.Errorf("it failed after %d steps", failures)
				}
			}
			kills := d.KillAtEachStep(c.turn, recipe, d.inputs(c.to), restore, check)
			if kills < 13 || !c.fails && news < 1 { // it has 13 steps
				t.Errorf("of %d kills and more at random %d ended in the new state: too few to prove anything", kills, news)
			}
		})
	}
}
