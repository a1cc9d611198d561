package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// TestUnpackUnderAttack unpacks beside the running release, whose files it links; package and keyring are the
// stranger's too.
func TestUnpackUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: Unpack(), Parents: []string{".", "opt"}, Leaves: []string{"opt/fw-2", "opt/fw-2/deep", "opt/fw-1/deep/f", "opt/current", "opt/.gwe-releases", "packages/fw-2.tar.zst.gpg", "packages/keys"},
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			for name, content := range map[string]string{"deep/f": "content of fw-2/deep/f", "other": "old"} {
				path := filepath.Join(work, "opt/fw-1", name)
				check(t, os.MkdirAll(filepath.Dir(path), 0o755))
				check(t, os.WriteFile(path, []byte(content), 0o644))
				check(t, os.Chtimes(path, time.Unix(1_000_000_000, 0), time.Unix(1_000_000_000, 0)))
			}
			check(t, os.Symlink("fw-1", filepath.Join(work, "opt/current")))
			keyringAt(t, filepath.Join(work, "packages/keys"))
			packageAt(t, filepath.Join(work, "packages/fw-2.tar.zst.gpg"), archiveOf(t, item{name: "fw-2/"}, item{name: "fw-2/deep/"}, file("fw-2/deep/f"), file("fw-2/deep/g"), file("fw-2/h")))
			return attack.Arguments(t, Unpack(), map[string]any{
				"package": filepath.Join(work, "packages/fw-2.tar.zst.gpg"), "keyring": filepath.Join(work, "packages/keys"),
				"into": filepath.Join(work, "opt"), "link-dest": filepath.Join(work, "opt/current"),
			})
		},
	})
}

// TestExtractUnderAttack: neither a link in the place of the directory above, nor a directory of root's under
// the name of the release, leads a part of the step elsewhere.
func TestExtractUnderAttack(t *testing.T) {
	need.Root(t, "it works as another user")
	for _, when := range []string{"do", "undo", "leaf"} {
		base := t.TempDir()
		theirs, victim := filepath.Join(base, "theirs"), filepath.Join(base, "victim")
		check(t, os.Mkdir(theirs, 0o755))
		check(t, os.MkdirAll(filepath.Join(victim, "app"), 0o755))
		check(t, os.WriteFile(filepath.Join(victim, "app", "x"), []byte("victim"), 0o600))
		check(t, os.Chown(theirs, 65534, 65534))
		check(t, os.Chown(base, 65534, 65534))
		source := filepath.Join(base, "a.tar")
		check(t, os.WriteFile(source, bytes.Clone(archiveOf(t, file("f"))), 0o600))
		a := extractArguments{Archive: pathOf(source), To: pathOf(filepath.Join(theirs, "app")), Unverified: "allow"}
		run := &step.Run{ID: "20260102T030405Z-abcdef", Step: "tried", Machine: step.Local{}, Directory: t.TempDir(), Parents: step.NewParents(), Log: tasklog.Begin(silent{}, "step", "tried")}
		m, err := extractStep{}.Prepare(t.Context(), run, a)
		check(t, err)
		run.Parents.Act()
		swap := func() {
			check(t, os.Rename(theirs, theirs+"-moved"))
			check(t, os.Symlink("victim", theirs))
		}
		if when == "do" {
			swap()
			_, err = extractStep{}.Do(t.Context(), run, a, m)
		} else {
			_, err = extractStep{}.Do(t.Context(), run, a, m)
			check(t, err)
			run.Parents = step.KnownParents(run.Parents.Noted())
			if when == "undo" {
				swap()
			} else {
				check(t, os.Rename(filepath.Join(theirs, "app"), filepath.Join(theirs, "away")))
				check(t, os.Rename(filepath.Join(victim, "app"), filepath.Join(theirs, "app")))
				victim = theirs
			}
			err = extractStep{}.Undo(t.Context(), run, a, m)
		}
		if when != "leaf" && !step.IsParentChanged(err) {
			t.Errorf("%s: %v", when, err)
		}
		if content, _ := os.ReadFile(filepath.Join(victim, "app", "x")); string(content) != "victim" {
			t.Errorf("%s: the victim is gone: %v", when, err)
		}
	}
}

type silent struct{}

func (silent) Handle(tasklog.Event) {}
