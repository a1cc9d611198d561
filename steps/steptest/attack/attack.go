// Package attack tries what a user without rights can do to a step who owns the directory that it works in:
// for tests of step types.
//
// It imports testing, the engine's contracts and leaves. A victim lies outside of that user's directory, of
// root's, with the same names in it. Whatever is swapped, planted or mounted between the step's look and its
// act, or between the step and its undo: the victim stays as it is, no call hangs, and each one ends well or
// with a fault that has a code.
package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Stranger is the user who owns the directory; root runs the tests.
const Stranger = 65534

// Case is a step type and the directory in which it works.
type Case struct {
	Type step.Type
	// Arrange fills work, which is the stranger's with all that is in it then, and returns the arguments.
	// root is a directory of root's, for what the step only reads. It is called for the victim, too, whose
	// arguments do not count.
	Arrange func(t testing.TB, work, root string) map[string]any
	// Parents are directories in which the step acts, below work; "." is work itself.
	Parents []string
	// Leaves are what it acts on, below work. Hidden names of gwe's beside them are tried too.
	Leaves []string
	// Looks means that the step has nothing to undo or to release: both must do nothing then, whatever was
	// swapped.
	Looks bool
	// Remakes means that the undo makes files anew, as root's: owners are not compared then.
	Remakes bool
}

// Moments are the parts of a step that are attacked, one row each of the table in docs/security.md.
func Moments() []string { return []string{"do", "undo", "release"} }

// The columns of that table.
const (
	ParentSwapped = "parent swapped"
	LeafSwapped   = "leaf swapped"
	HardLink      = "hard link planted"
	FIFO          = "FIFO"
	MountOver     = "mount over"
)

// Columns lists them.
func Columns() []string { return []string{ParentSwapped, LeafSwapped, HardLink, FIFO, MountOver} }

// kinds are the ways of each column to attack a path.
var kinds = []struct {
	column, name string
	parent       bool
	attack       attack
}{
	{ParentSwapped, ParentSwapped, true, swapForLink}, {MountOver, MountOver, true, mountOver},
	{LeafSwapped, LeafSwapped, false, swapForLink}, {LeafSwapped, LeafSwapped + " for a secret", false, swapForSecret},
	{HardLink, HardLink, false, plantHardLink}, {FIFO, FIFO, false, plantFIFO},
}

// Run tries every attack on do, undo and release, and swaps without a pause while the step works. An attack
// that meets nothing at any of its paths fails the test: no cell of the table stands for it then.
func Run(t *testing.T, c Case) {
	need.Root(t, "a less trusted user attacks it")
	for _, when := range Moments() {
		for _, kind := range kinds {
			paths := c.Parents
			if !kind.parent {
				paths = append(slices.Clone(c.Leaves), hidden)
			}
			attacked := 0
			for _, path := range paths {
				t.Run(when+"/"+kind.name+"/"+path, func(t *testing.T) { attacked += c.try(t, when, path, kind.attack, kind.parent) })
			}
			if attacked == 0 && !t.Failed() && (len(c.Parents) > 0 && kind.parent || len(c.Leaves) > 0 && !kind.parent) {
				t.Errorf("%s, %s: nothing is there to attack", when, kind.name)
			}
		}
	}
	for _, path := range append(slices.Clone(c.Parents), c.Leaves...) {
		t.Run("race/"+path, func(t *testing.T) { c.race(t, path) })
	}
}

// hidden stands for each name of gwe's that is there by then.
const hidden = "hidden names"

// Arguments fills in the defaults of a type, for Arrange.
func Arguments(t testing.TB, of step.Type, given map[string]any) map[string]any {
	t.Helper()
	whole, err := value.Convert(of.Arguments(), given)
	must(t, err)
	return whole.(map[string]any)
}

// try returns how many paths it has attacked.
func (c Case) try(t *testing.T, when, path string, attack attack, parent bool) (attacked int) {
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
		if !exists(filepath.Dir(at)) || parent && !exists(at) {
			continue // the step makes it later, or has taken it away
		}
		back := attack(t, at, filepath.Join(s.victim, target))
		attacked++
		err := s.within(act)
		s.intact()
		if c.Looks && when != "do" && err != nil {
			t.Errorf("there is nothing to %s, and it failed: %v", when, err)
		}
		_ = s.within(s.undo)
		s.intact()
		back()
		if when != "undo" || !parent || c.Looks {
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
	return attacked
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
