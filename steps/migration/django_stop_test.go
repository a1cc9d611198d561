package migration_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// slowFile is a migration that says when it is being undone, and then takes for ever.
const slowFile = `from django.db import migrations, models
import os, time

def wait(apps, schema_editor):
    here = os.path.dirname(os.path.abspath(__file__))
    open(os.path.join(here, "../../../../db/reached"), "w").close()
    time.sleep(600)

class Migration(migrations.Migration):
    dependencies = [("gateway", "0002_unit")]
    operations = [migrations.RunPython(migrations.RunPython.noop, wait), migrations.AddField("sensor", "note", models.CharField(max_length=9, default=""))]
`

// TestDjangoStopped ends the way down in the middle of a migration, some of which were undone: by cancelling
// the run, and by killing Django.
func TestDjangoStopped(t *testing.T) {
	packages := vendor(t)
	for name, stop := range map[string]func(cancel context.CancelFunc, pid int){
		"cancelled": func(cancel context.CancelFunc, _ int) { cancel() },
		"killed":    func(_ context.CancelFunc, pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, packages)
			d.install(0, "app-1")
			running := d.root + "/opt/app-9"
			if err := os.CopyFS(running, os.DirFS(filepath.Join(packages, "app-3"))); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(running + "/gateway/migrations/0003_site.py"); err != nil {
				t.Fatal(err)
			}
			more := fmt.Sprintf(migrationFile, `("gateway", "0003_slow")`, history[4].operations)
			for file, text := range map[string]string{"0003_slow": slowFile, "0004_more": more} {
				if err := os.WriteFile(running+"/gateway/migrations/"+file+".py", []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			command := []any{python, "manage.py", "migrate", "--noinput", "gateway", "{migration}"}
			f, err := prepare(t, map[string]any{
				"running": running, "new": d.root + "/opt/app-1", "folder": "gateway/migrations", "command": command,
				"env": map[string]any{"PYTHONDONTWRITEBYTECODE": "1"},
			})
			if err != nil {
				t.Fatal(err)
			}
			// The way up brings the database to where app-9 has it.
			if err := os.WriteFile(f.run.Directory+"/begun", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := f.undo(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := d.picture()

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.run.Started = func(pid int) {
				go func() {
					for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
						if _, err := os.Stat(d.root + "/db/reached"); err == nil {
							break
						}
					}
					stop(cancel, pid)
				}()
			}
			_, err = f.do(ctx)
			if found := fault.As(err); found == nil || found.Code != map[string]string{"cancelled": "process-interrupted", "killed": "process-signal"}[name] {
				t.Errorf("do: %v", err)
			}
			d.wantMigrations("0001_initial 0002_unit 0003_slow")
			f.run.Started = func(int) {}
			for range 2 {
				if err := f.undo(t.Context()); err != nil {
					t.Fatal(err)
				}
				d.wantPicture(before)
			}
		})
	}
}
