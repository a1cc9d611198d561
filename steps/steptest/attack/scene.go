package attack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// scene is a step before its attack.
type scene struct {
	Case
	t            testing.TB
	work, victim string
	run          *step.Run
	arguments    map[string]any
	memo         json.RawMessage
	before       string
}

func (c Case) arrange(t testing.TB) *scene {
	t.Helper()
	base := t.TempDir()
	s := &scene{Case: c, t: t, work: filepath.Join(base, "area", "work"), victim: filepath.Join(base, "victim")}
	for _, path := range []string{filepath.Join(base, "ours"), s.work, s.victim, filepath.Join(base, "theirs")} {
		must(t, os.MkdirAll(path, 0o755))
	}
	c.Arrange(t, s.victim, filepath.Join(base, "theirs"))
	must(t, os.WriteFile(filepath.Join(s.victim, "secret"), []byte(secret), 0o600), os.Chmod(s.victim, 0o700))
	s.before = state(t, s.victim)
	s.arguments = c.Arrange(t, s.work, filepath.Join(base, "ours"))
	must(t, filepath.WalkDir(filepath.Dir(s.work), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, Stranger, Stranger))
	}))
	s.run = &step.Run{
		ID: "r", Step: "s", Machine: step.Local{}, Directory: t.TempDir(), Parents: step.NewParents(),
		Log: tasklog.Begin(silent{}, "step", "attacked"), Leased: func(string) bool { return false }, Kept: func(string) {}, Covered: func(string) bool { return false }, Started: func(int) {},
	}
	return s
}

type silent struct{}

func (silent) Handle(tasklog.Event) {}

// prepare takes the memo, as the engine does; a round of a race may fail here.
func (s *scene) prepare() (err error) {
	s.memo, err = s.Type.Prepare(s.t.Context(), s.run, s.arguments)
	s.run.Parents.Act()
	return err
}

func (s *scene) do() error {
	_, err := s.Type.Do(s.t.Context(), s.run, s.arguments, s.memo)
	return err
}

// later is what a process after the step knows.
func (s *scene) later() *step.Run {
	run := *s.run
	run.Parents = step.KnownParents(s.run.Parents.Noted())
	return &run
}

func (s *scene) undo() error { return s.Type.Undo(s.t.Context(), s.later(), s.arguments, s.memo) }
func (s *scene) release() error {
	return s.Type.Release(s.t.Context(), s.later(), s.arguments, s.memo)
}

// within fails where a call takes long, or ends with what is not a fault.
func (s *scene) within(act func() error) error {
	s.t.Helper()
	const most = 30 * time.Second
	ended := make(chan error, 1)
	go func() { ended <- act() }()
	select {
	case err := <-ended:
		if found := fault.As(err); err != nil && (found == nil || found.Code == "") {
			s.t.Errorf("an error without a code: %v", err)
		}
		return err
	case <-time.After(most):
		s.t.Fatal("it hangs")
		return nil
	}
}

// intact fails if the victim is not what it was, or if its secret was copied to where the stranger can read
// it.
func (s *scene) intact() {
	s.t.Helper()
	if now := state(s.t, s.victim); now != s.before {
		s.t.Fatalf("the victim is\n%s\nand was\n%s", now, s.before)
	}
	own, err := os.Stat(filepath.Join(s.victim, "secret"))
	must(s.t, err)
	must(s.t, filepath.WalkDir(filepath.Dir(filepath.Dir(s.work)), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // a race may take it away meanwhile
		}
		info, err := entry.Info()
		if err != nil || os.SameFile(info, own) {
			return nil
		}
		readable := info.Mode()&0o004 != 0 || info.Sys().(*syscall.Stat_t).Uid == Stranger
		if text, _ := os.ReadFile(path); readable && strings.Contains(string(text), secret) {
			s.t.Fatalf("%s has the victim's secret, mode %v", path, info.Mode())
		}
		return nil
	}))
}

// state describes all that is in a directory.
func state(t testing.TB, root string) string {
	t.Helper()
	var all strings.Builder
	must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		var status unix.Stat_t
		if err = errors.Join(err, unix.Lstat(path, &status)); err != nil {
			return err
		}
		content := ""
		switch status.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			text, failed := os.ReadFile(path)
			content, err = string(text), failed
		case unix.S_IFLNK:
			content, err = os.Readlink(path)
		}
		relative, _ := filepath.Rel(root, path)
		fmt.Fprintf(&all, "%s %o %d:%d %q\n", relative, status.Mode, status.Uid, status.Gid, content)
		return err
	}))
	return all.String()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
