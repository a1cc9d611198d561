package migration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// holding makes Django wait when it is about to write down that a migration was applied or undone: as often
// as the number in ROOT/db/hold says it continues, and then it tells so by ROOT/db/reached. Python runs it
// before anything else.
const holding = `import os, time
from django.db.migrations.recorder import MigrationRecorder

def held(step):
    def record(self, app, name):
        hold = os.environ["HOLD"]
        if os.path.exists(hold):
            left = int(open(hold).read())
            if left == 0:
                os.rename(hold, os.path.join(os.path.dirname(hold), "reached"))
                time.sleep(600)
            with open(hold, "w") as file:
                file.write(str(left - 1))
        return step(self, app, name)
    return record

MigrationRecorder.record_applied = held(MigrationRecorder.record_applied)
MigrationRecorder.record_unapplied = held(MigrationRecorder.record_unapplied)
`

// TestDjangoKilledBeforeItsRecord kills gwe, and Django with it, when the tables have changed and Django's
// own record of that has not. Django by itself has these as two transactions when it undoes a migration, and
// when it applies one with a foreign key: what it would do next is then the wrong thing, either way.
func TestDjangoKilledBeforeItsRecord(t *testing.T) {
	t.Parallel()
	site := t.TempDir()
	if err := os.WriteFile(filepath.Join(site, "sitecustomize.py"), []byte(holding), 0o644); err != nil {
		t.Fatal(err)
	}
	packages := startedProject(t)
	for _, c := range []struct{ from, to string }{{"site-1", "site-2"}, {"site-2", "site-1"}} {
		d := newDevice(t, packages)
		d.device()
		d.install(0, c.from)
		columns := map[string]string{"site-1": "(name) VALUES ('roof')", "site-2": "(name, unit) VALUES ('roof', '')"}
		d.query("INSERT INTO gateway_sensor " + columns[c.from])
		before, restore := d.picture(), d.save()
		hold := d.root + "/db/hold"
		d.more["env"] = fmt.Sprintf(`{"PYTHONDONTWRITEBYTECODE": "1", "DJANGO_SETTINGS_MODULE": "site_project.device", "PYTHONPATH": %q, "HOLD": %q}`, site, hold)
		const records = 3 // between the two releases are as many migrations
		for number := range records {
			restore()
			if err := os.WriteFile(hold, fmt.Append(nil, number), 0o644); err != nil {
				t.Fatal(err)
			}
			reached := func() bool { _, err := os.Stat(d.root + "/db/reached"); return err == nil }
			if !d.KillWhen(reached, recipe, d.inputs(c.to)) {
				t.Fatalf("from %s to %s Django never wrote down migration %d:\n%s", c.from, c.to, number, d.Said())
			}
			d.Recover()
			if d.wantPicture(before); t.Failed() {
				t.Fatalf("(from %s to %s, killed before record %d)\n%s", c.from, c.to, number, d.Said())
			}
		}
	}
}
