// Package attack tries what a user without rights can do to a step who owns the directory that it works in: for tests of step types.
//
// It imports testing, the engine's contracts and leaves. A victim lies outside of that user's directory, of root's, with the same names in
// it. Whatever is swapped, planted or mounted between the step's look and its act, or between the step and its undo: the victim stays as it is,
// no call hangs, and each one ends well or with a fault that has a code.
package attack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Stranger is the user who owns the directory; root runs the tests.
const Stranger = 65534

// Case is a step type and the directory in which it works.
type Case struct {
	Type step.Type
	// Arrange fills work, which is the stranger's with all that is in it then, and returns the arguments. root is a directory of root's,
	// for what the step only reads. It is called for the victim, too, whose arguments do not count.
	Arrange func(t testing.TB, work, root string) map[string]any
	// Parents are directories in which the step acts, below work; "." is work itself.
	Parents []string
	// Leaves are what it acts on, below work. Hidden names of gwe's beside them are tried too.
	Leaves []string
	// Looks means that the step has nothing to undo or to release.
	Looks bool
	// Remakes means that the undo makes files anew, as root's: owners are not compared then.
	Remakes bool
}

// Run tries every attack on do, undo and release, and swaps without a pause while the step works.
func Run(t *testing.T, c Case) {
	if os.Geteuid() != 0 {
		t.Skip("only root has somebody to be attacked by")
	}
	moments := []string{"do", "undo", "release"}
	if c.Looks {
		moments = moments[:1]
	}
	for _, when := range moments {
		for _, parent := range c.Parents {
			t.Run(when+"/parent swapped/"+parent, func(t *testing.T) { c.try(t, when, parent, swapForLink, true) })
			t.Run(when+"/mount over/"+parent, func(t *testing.T) { c.try(t, when, parent, mountOver, true) })
		}
		for _, leaf := range append(slices.Clone(c.Leaves), hidden) {
			for name, attack := range map[string]attack{"leaf swapped": swapForLink, "hard link planted": plantHardLink, "FIFO": plantFIFO} {
				t.Run(when+"/"+name+"/"+leaf, func(t *testing.T) { c.try(t, when, leaf, attack, false) })
			}
		}
	}
	for _, path := range append(slices.Clone(c.Parents), c.Leaves...) {
		t.Run("race/"+path, func(t *testing.T) { c.race(t, path) })
	}
}

// hidden stands for each name of gwe's that is there by then.
const hidden = "hidden names"

// attack changes what is at path; to is what the victim has in its place. back takes that away again.
type attack func(t testing.TB, path, to string) (back func())

func swapForLink(t testing.TB, path, to string) func() {
	must(t, os.Rename(path, path+".away"), os.Symlink(to, path), os.Lchown(path, Stranger, Stranger))
	return func() { _ = os.Remove(path); _ = os.Rename(path+".away", path) }
}

func plantHardLink(t testing.TB, path, to string) func() {
	var secret string
	for at := filepath.Dir(to); ; at = filepath.Dir(at) {
		if secret = filepath.Join(at, "secret"); exists(secret) || at == "/" {
			break
		}
	}
	must(t, os.Rename(path, path+".away"), os.Link(secret, path))
	return func() { _ = os.Remove(path); _ = os.Rename(path+".away", path) }
}

func plantFIFO(t testing.TB, path, _ string) func() {
	must(t, os.Rename(path, path+".away"), unix.Mkfifo(path, 0o666), os.Chown(path, Stranger, Stranger))
	return func() { _ = os.Remove(path); _ = os.Rename(path+".away", path) }
}

func mountOver(t testing.TB, path, to string) func() {
	must(t, unix.Mount(to, path, "", unix.MS_BIND, ""))
	unmounted := false
	back := func() {
		if !unmounted {
			unmounted = true
			must(t, unix.Unmount(path, unix.MNT_DETACH))
		}
	}
	t.Cleanup(back)
	return back
}

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
	must(t, os.WriteFile(filepath.Join(s.victim, "secret"), []byte("secret"), 0o600), os.Chmod(s.victim, 0o700))
	s.before = state(t, s.victim)
	s.arguments = c.Arrange(t, s.work, filepath.Join(base, "ours"))
	must(t, filepath.WalkDir(filepath.Dir(s.work), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, Stranger, Stranger))
	}))
	s.run = &step.Run{
		ID: "r", Step: "s", Machine: step.Local{}, Folder: t.TempDir(), Parents: step.NewParents(),
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

func (c Case) try(t *testing.T, when, path string, attack attack, parent bool) {
	s := c.arrange(t)
	original := state(t, s.work)
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	act := s.do
	if when != "do" {
		if err := s.do(); err != nil {
			t.Fatal(err)
		}
		act = map[string]func() error{"undo": s.undo, "release": s.release}[when]
	}
	targets := []string{path}
	if path == hidden {
		targets = s.hiddenNames()
	}
	for _, target := range targets {
		at := filepath.Join(s.work, target)
		if !exists(at) {
			continue // the step has taken it away
		}
		back := attack(t, at, filepath.Join(s.victim, target))
		err := s.within(act)
		s.intact()
		_ = s.within(s.undo)
		s.intact()
		back()
		if when != "undo" || !parent {
			continue
		}
		// An undo that could not reach its directory stays to be done.
		if !step.IsParentChanged(err) {
			t.Errorf("the error is %v, not one that leaves the undo open", err)
		}
		if err := s.within(s.undo); err != nil {
			t.Errorf("when the directory is back: %v", err)
		}
		now := state(t, s.work)
		if c.Remakes {
			owners := strings.NewReplacer(" 0:0 ", " ", fmt.Sprintf(" %d:%d ", Stranger, Stranger), " ")
			now, original = owners.Replace(now), owners.Replace(original)
		}
		if now != original {
			t.Errorf("it is\n%s\nand was\n%s", now, original)
		}
	}
}

// hiddenNames are those of gwe's, below work.
func (s *scene) hiddenNames() (found []string) {
	for _, parent := range s.Parents {
		names, _ := filepath.Glob(filepath.Join(s.work, parent, ".gwe-*"))
		for _, name := range names {
			relative, err := filepath.Rel(s.work, name)
			must(s.t, err)
			found = append(found, relative)
		}
	}
	return found
}

// race swaps what is at a path for a link to the victim's and back, as fast as it can, while the step works.
func (c Case) race(t *testing.T, path string) {
	const rounds = 6
	for range rounds {
		s := c.arrange(t)
		at := filepath.Join(s.work, path)
		evil := filepath.Join(filepath.Dir(s.work), "evil")
		must(t, os.Symlink(filepath.Join(s.victim, path), evil), os.Lchown(evil, Stranger, Stranger))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					_ = unix.Renameat2(unix.AT_FDCWD, at, unix.AT_FDCWD, evil, unix.RENAME_EXCHANGE)
				}
			}
		}()
		if err := s.within(s.prepare); err == nil {
			_ = s.within(s.do)
			_ = s.within(s.undo)
			_ = s.within(s.release)
		}
		close(stop)
		<-stopped
		s.intact()
	}
}

// within fails where a call takes long, or ends with what is no fault.
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

// intact fails where the victim is not what it was.
func (s *scene) intact() {
	s.t.Helper()
	if now := state(s.t, s.victim); now != s.before {
		s.t.Fatalf("the victim is\n%s\nand was\n%s", now, s.before)
	}
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
