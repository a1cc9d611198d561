package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps/steptest/randomtree"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return ""
}

// snapshot tells everything of a tree that a copy has to keep, by path.
func snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	return randomtree.Snapshot(t, root)
}

// differ fails the test where two snapshots are not the same.
func differ(t testing.TB, what string, want, got map[string]string) {
	t.Helper()
	randomtree.Differ(t, what, want, got)
}

// realRsync runs the real program, -aHAXS with times compared to the nanosecond.
func realRsync(t testing.TB, arguments ...string) {
	t.Helper()
	said, err := exec.Command("rsync", append([]string{"-aHAXS", "--modify-window=-1"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("rsync %q: %v\n%s", arguments, err, said)
	}
}

// copied is an independent copy of a tree, holes, links and all.
func copied(t testing.TB, from, to string) {
	t.Helper()
	if said, err := exec.Command("cp", "-a", "--reflink=never", "--sparse=auto", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, said)
	}
}

// frame is a step as the engine runs it.
type frame struct {
	testing.TB
	arguments arguments
	run       *step.Run
	memo      memo
	lines     *lines
}

// lines collects what a step writes to its log.
type lines struct{ all []string }

func (l *lines) Handle(event tasklog.Event) {
	switch event.Kind {
	case tasklog.Line:
		l.all = append(l.all, string(event.Level)+": "+event.Text)
	case tasklog.Progress:
		l.all = append(l.all, fmt.Sprintf("progress: %d of %d %s", event.Current, event.Total, event.Unit))
	}
}

func newFrame(t testing.TB, a arguments) *frame {
	t.Helper()
	collected := &lines{}
	return &frame{TB: t, arguments: a, lines: collected, run: &step.Run{
		ID: "20260102T030405Z-abcdef", Step: "tried", Machine: step.Local{}, Directory: t.TempDir(),
		Started: func(int) {}, Log: tasklog.Begin(collected, "step", "tried"),
		Leased: func(string) bool { return false },
	}}
}

// try prepares and does.
func (f *frame) try(ctx context.Context) (outputs, error) {
	f.Helper()
	var err error
	if f.memo, err = (rsync{}).Prepare(ctx, f.run, f.arguments); err != nil {
		return outputs{}, err
	}
	given, err := (rsync{}).Do(ctx, f.run, f.arguments, f.memo)
	if err == nil {
		err = (rsync{}).Sync(ctx, f.run, f.arguments, f.memo)
	}
	return given, err
}

func (f *frame) do() outputs {
	f.Helper()
	given, err := f.try(f.Context())
	if err != nil {
		f.Fatalf("%v\n%s", err, strings.Join(f.lines.all, "\n"))
	}
	return given
}

func (f *frame) undo() {
	f.Helper()
	check(f, rsync{}.Undo(f.Context(), f.run, f.arguments, f.memo))
}

func (f *frame) release() {
	f.Helper()
	check(f, rsync{}.Release(f.Context(), f.run, f.arguments, f.memo))
}

// old is a time long ago, so that no test depends on the clock.
var old = time.Unix(1_600_000_000, 123_456_789)

// plant makes files by path and content; a path with a slash at its end is a directory.
func plant(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for way, content := range files {
		path := filepath.Join(root, way)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(way, "/") {
			check(t, os.MkdirAll(path, 0o755))
			continue
		}
		check(t, os.WriteFile(path, []byte(content), 0o644))
	}
	check(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, old, old))
	}))
}
