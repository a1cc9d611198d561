package transfer

import (
	"errors"
	"os"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// attacked is an rsync of a new release into a directory of uid 65534, with a directory of root's outside.
func attacked(t *testing.T, existed bool) (f *frame, base string) {
	t.Helper()
	need.Root(t, "it works as another user")
	base = t.TempDir()
	plant(t, base+"/source", map[string]string{"a": "new", "d/b": "new"})
	plant(t, base+"/victim", map[string]string{"target/a": "victim", "target/keep/x": "victim"})
	check(t, os.Mkdir(base+"/theirs", 0o755))
	if existed {
		plant(t, base+"/theirs/target", map[string]string{"a": "old", "c": "old"})
	}
	check(t, os.Chown(base+"/theirs", 65534, 65534))
	f = newFrame(t, arguments{Source: base + "/source", Target: base + "/theirs/target", Delete: true})
	f.run.Parents = step.NewParents()
	f.memo, _ = (rsync{}).Prepare(t.Context(), f.run, f.arguments)
	f.run.Parents.Act()
	return f, base
}

// swapParent puts a link to the victim in the place of the directory of uid 65534.
func swapParent(t *testing.T, base string) {
	t.Helper()
	check(t, os.Rename(base+"/theirs", base+"/moved"))
	check(t, os.Symlink("victim", base+"/theirs"))
	check(t, os.Lchown(base+"/theirs", 65534, 65534))
	check(t, os.Chown(base, 65534, 65534))
}

// TestRsyncParentSwapped: a link in the place of the directory above leads no part of the step elsewhere.
func TestRsyncParentSwapped(t *testing.T) {
	for _, existed := range []bool{false, true} {
		for _, when := range []string{"do", "undo", "release"} {
			f, base := attacked(t, existed)
			before := snapshot(t, base+"/victim")
			var err error
			if when == "do" {
				swapParent(t, base)
				_, err = (rsync{}).Do(t.Context(), f.run, f.arguments, f.memo)
				if !step.IsParentChanged(err) {
					t.Errorf("do: %v", err)
				}
			} else {
				_, err = (rsync{}).Do(t.Context(), f.run, f.arguments, f.memo)
				check(t, err)
				f.run.Parents = step.KnownParents(f.run.Parents.Noted())
				swapParent(t, base)
				if when == "undo" {
					err = rsync{}.Undo(t.Context(), f.run, f.arguments, f.memo)
				} else {
					err = rsync{}.Release(t.Context(), f.run, f.arguments, f.memo)
				}
				if !step.IsParentChanged(err) {
					t.Errorf("%s: %v", when, err)
				}
			}
			differ(t, when, before, snapshot(t, base+"/victim"))
		}
	}
}

// TestRsyncHiddenSwapped: a directory of root's beside the target that is given the name of the hidden one is
// not emptied.
func TestRsyncHiddenSwapped(t *testing.T) {
	for _, when := range []string{"undo", "release"} {
		f, base := attacked(t, true)
		_, err := (rsync{}).Do(t.Context(), f.run, f.arguments, f.memo)
		check(t, err)
		f.run.Parents = step.KnownParents(f.run.Parents.Noted())
		check(t, os.Rename(f.memo.Hidden, f.memo.Hidden+"-away"))
		check(t, os.Rename(base+"/victim", f.memo.Hidden))
		before := snapshot(t, f.memo.Hidden)
		if when == "undo" {
			err = rsync{}.Undo(t.Context(), f.run, f.arguments, f.memo)
		} else {
			err = rsync{}.Release(t.Context(), f.run, f.arguments, f.memo)
		}
		if err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", when, err)
		}
		differ(t, when, before, snapshot(t, f.memo.Hidden))
	}
}
