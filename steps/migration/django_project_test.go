package migration_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/bundle"
)

// deviceSettings are the settings of a device: the database lies outside the releases, and one application's
// migrations in another package than its own.
const deviceSettings = `from site_project.settings import *

INSTALLED_APPS = [one for one in INSTALLED_APPS if one != "django.contrib.admin"] + ["apps.gateway", "apps.alarms"]
ROOT_URLCONF = "site_project.no_urls"
MIGRATION_MODULES = {"alarms": "data.migrations.of_alarms"}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR.parent.parent / "db" / "gateway.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
`

const (
	gatewayDirectory = "apps/gateway/migrations/"
	alarmsDirectory  = "data/migrations/of_alarms/"
)

// projectFiles are the migrations of the project. Those of the two applications depend on each other, to and
// fro.
var projectFiles = map[string]string{
	gatewayDirectory + "0001_initial.py": `
    operations = [migrations.CreateModel("Sensor", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=40))])]`,
	alarmsDirectory + "0001_initial.py": `
    dependencies = [("gateway", "0001_initial")]
    operations = [migrations.CreateModel("Alarm", [("id", models.AutoField(primary_key=True)), ("sensor", models.ForeignKey("gateway.Sensor", models.CASCADE))])]`,
	gatewayDirectory + "0002_unit.py": `
    dependencies = [("gateway", "0001_initial")]
    operations = [migrations.AddField("sensor", "unit", models.CharField(max_length=9, default=""))]`,
	alarmsDirectory + "0002_level.py": `
    dependencies = [("alarms", "0001_initial"), ("gateway", "0002_unit")]
    operations = [migrations.AddField("alarm", "level", models.IntegerField(default=0))]`,
	gatewayDirectory + "0003_worst.py": `
    dependencies = [("gateway", "0002_unit"), ("alarms", "0002_level")]
    operations = [migrations.AddField("sensor", "worst", models.ForeignKey("alarms.Alarm", models.SET_NULL, null=True))]`,
	alarmsDirectory + "0001_squashed_0002_level.py": `
    replaces = [
        ('alarms', '0001_initial'),
        ("alarms", "0002_level"),
    ]
    dependencies = [("gateway", "0002_unit")]
    operations = [migrations.CreateModel("Alarm", [("id", models.AutoField(primary_key=True)), ("sensor", models.ForeignKey("gateway.Sensor", models.CASCADE)), ("level", models.IntegerField(default=0))])]`,
	alarmsDirectory + "0003_text.py": `
    dependencies = [("alarms", "0002_level")]
    operations = [migrations.AddField("alarm", "text", models.CharField(max_length=9, default=""))]`,
	alarmsDirectory + "0004_bad.py": `
    dependencies = [("alarms", "0003_text")]
    operations = [migrations.RunPython(migrations.RunPython.noop)]`,
	alarmsDirectory + "0003_zone.py": `
    dependencies = [("alarms", "0003_text")]
    operations = []`,
}

// projectReleases name the migrations of each release.
var projectReleases = map[string]string{
	"site-1":     "g1 a1",
	"site-2":     "g1 a1 g2 a2 g3",
	"site-3":     "g1 a1 g2 a2 g3 squash a3", // squashed, with the old ones still there
	"site-4":     "g1 g2 g3 squash a3",       // and without them
	"bad-1":      "g1 a1",
	"bad-2":      "g1 a1 g2 a2 g3",
	"bad-3":      "g1 a1 g2 a2 g3 squash a3",
	"oneway-4":   "g1 a1 g2 a2 g3 squash a3 irreversible",
	"branched-4": "g1 a1 g2 a2 g3 squash a3 branch",
}

var projectNames = map[string]string{
	"g1": gatewayDirectory + "0001_initial.py", "g2": gatewayDirectory + "0002_unit.py", "g3": gatewayDirectory + "0003_worst.py",
	"a1": alarmsDirectory + "0001_initial.py", "a2": alarmsDirectory + "0002_level.py", "a3": alarmsDirectory + "0003_text.py",
	"squash": alarmsDirectory + "0001_squashed_0002_level.py", "irreversible": alarmsDirectory + "0004_bad.py", "branch": alarmsDirectory + "0003_zone.py",
}

// startedProject packs the releases of a project that django-admin has made.
func startedProject(t testing.TB) (directory string) {
	t.Helper()
	directory = t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: directory})
	check(err)
	_, err = bundle.ImportKeys(filepath.Join(directory, "keys"), key.Public)
	check(err)
	made := filepath.Join(t.TempDir(), "made")
	check(os.Mkdir(made, 0o755))
	if output, err := exec.Command(python, "-m", "django", "startproject", "site_project", made).CombinedOutput(); err != nil {
		t.Fatalf("startproject: %v: %s", err, output)
	}
	for name, list := range projectReleases {
		root := filepath.Join(directory, name)
		check(os.CopyFS(root, os.DirFS(made)))
		files := map[string]string{
			"site_project/device.py": deviceSettings, "site_project/no_urls.py": "urlpatterns = []\n",
			"apps/__init__.py": "", "apps/gateway/__init__.py": "", "apps/gateway/models.py": "", "apps/alarms/__init__.py": "", "apps/alarms/models.py": "",
			"data/__init__.py": "", "data/migrations/__init__.py": "", gatewayDirectory + "__init__.py": "", alarmsDirectory + "__init__.py": "",
			".pre-install": "#!/bin/sh\nrm -f ../../runs\n", ".post-install": "#!/bin/sh\necho \"${1##*/}\" > ../../runs\n",
		}
		if strings.HasPrefix(name, "bad") {
			files[".post-install"] = "#!/bin/sh\nexit 1\n"
		}
		given := strings.Fields(list)
		for _, one := range given {
			text := projectFiles[projectNames[one]]
			if !slices.Contains(given, "a2") && one != "squash" { // the squashed one has taken its place
				text = strings.ReplaceAll(text, `("alarms", "0002_level")`, `("alarms", "0001_squashed_0002_level")`)
			}
			files[projectNames[one]] = "from django.db import migrations, models\n\nclass Migration(migrations.Migration):" + text + "\n"
		}
		for file, text := range files {
			path := filepath.Join(root, file)
			check(os.MkdirAll(filepath.Dir(path), 0o755))
			check(os.WriteFile(path, []byte(text), 0o755))
		}
		_, err := bundle.Pack(context.Background(), bundle.PackOptions{Directory: root, SigningKey: key.Secret, Output: root + ".tar.zst.gpg"})
		check(err)
	}
	return directory
}

// TestStartedProject takes a project of django-admin startproject up and down: two applications whose
// migrations depend on each other, settings of the device, a package of migrations that lies elsewhere, and
// migrations squashed in between.
func TestStartedProject(t *testing.T) {
	d := newDevice(t, startedProject(t))
	d.device()
	d.install(0, "site-1")
	d.query("INSERT INTO gateway_sensor (name) VALUES ('roof')")
	d.query("INSERT INTO alarms_alarm (sensor_id) VALUES (1)")
	refused := func(release, want string) {
		t.Helper()
		before, said := d.picture(), len(d.Said())
		result := d.Run(recipe, d.inputs(release))
		if result.ExitCode() != 3 && result.ExitCode() != 6 || result.Err == nil || !strings.Contains(result.Err.Error(), want) {
			t.Errorf("%s ended with %d: %v, want %q", release, result.ExitCode(), result.Err, want)
		}
		d.wantPicture(before)
		if more := d.Said()[said:]; strings.Contains(more, "pplying ") {
			t.Errorf("%s: something ran before it was refused:\n%s", release, more)
		}
	}
	// The way through the squashed one has no place to stop at in it.
	refused("site-3", "has a part of what alarms.0001_squashed_0002_level replaces")
	for _, one := range []struct{ bad, next string }{{"bad-2", "site-2"}, {"bad-3", "site-3"}, {"bad-3", "site-4"}, {"bad-3", "site-3"}} {
		before := d.picture()
		if one.bad != one.next && one.next != "site-4" {
			d.install(3, one.bad)
			d.wantPicture(before)
		}
		d.install(0, one.next)
	}
	d.query("UPDATE alarms_alarm SET level = 3")
	refused("oneway-4", "alarms.0004_bad cannot be undone")
	refused("branched-4", "0003_text and 0003_zone have the same number")
	refused("site-1", "0001_squashed_0002_level stands for 0001_initial, 0002_level")

	d.more["irreversible"] = "allow"
	d.install(0, "oneway-4")
	delete(d.more, "irreversible")
	refused("site-3", "alarms.0004_bad cannot be undone")
	d.query("DELETE FROM django_migrations WHERE name = '0004_bad'") // what a person does who knows that it did nothing

	d.install(0, "site-2")
	d.more["apps"] = `{"gateway": "apps/gateway/migrations"}`
	refused("site-1", "name alarms and the directory of its migrations in the input apps")
	delete(d.more, "apps")
	d.more["env"] = `{"PYTHONDONTWRITEBYTECODE": "1"}`
	refused("site-1", "lies inside the release")
	d.device()
	d.query("UPDATE alarms_alarm SET level = 0") // the content of a column does not come back
	two := d.picture()
	d.install(3, "bad-1")
	d.wantPicture(two)
	d.install(0, "site-1")
	if got := d.query("SELECT app, name FROM django_migrations WHERE app IN ('gateway', 'alarms') AND name NOT LIKE '%squashed%' ORDER BY app"); got != "alarms 0001_initial\ngateway 0001_initial" {
		t.Errorf("the database has %s", got)
	}
	if got := d.query("SELECT * FROM gateway_sensor") + d.query("SELECT * FROM alarms_alarm"); got != "1 roof1 1" {
		t.Errorf("the data are %q", got)
	}
}

// TestStartedProjectKilled kills gwe in the middle of a downgrade that fails at its end: both applications
// are taken back, and forward again. TestDjangoDisturbed kills it at each step; here it is the two
// applications that matter.
func TestStartedProjectKilled(t *testing.T) {
	t.Parallel()
	d := newDevice(t, startedProject(t))
	d.device()
	d.install(0, "site-2")
	d.query("INSERT INTO gateway_sensor (name, unit) VALUES ('roof', '')")
	before, restore := d.picture(), d.save()
	d.KillAtAnyMoment(10, recipe, d.inputs("bad-1"), restore, func(bool) { d.wantPicture(before) })
}

// device sets the inputs of the project on a device.
func (d *device) device() {
	d.more = map[string]string{
		"apps": `{"gateway": "apps/gateway/migrations", "alarms": "data/migrations/of_alarms"}`,
		"env":  `{"PYTHONDONTWRITEBYTECODE": "1", "DJANGO_SETTINGS_MODULE": "site_project.device"}`,
	}
}
