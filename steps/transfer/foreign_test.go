package transfer

import (
	"os"
	"strings"
	"testing"
)

// TestUndoLeavesWhatIsNotItsOwn: before the commit, what something else than the run's own programs has put
// in the place of an entry of the step stays, and the undo fails and can be called again. What programs of
// the run put there goes.
func TestUndoLeavesWhatIsNotItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		// spoil puts something of others into the target, and gives its path.
		spoil func(t *testing.T, target string) string
		fresh bool
	}{
		"a new file":      {replaceFile("new"), false},
		"a changed file":  {replaceFile("changed"), false},
		"a deleted file":  {replaceFile("deleted"), false},
		"a new directory": {replaceDirectory("directory"), false},
		"the new target":  {replaceDirectory(""), true},
	} {
		for _, followed := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", by a program of the run"}[followed], func(t *testing.T) {
				base := t.TempDir()
				plant(t, base, map[string]string{"source/new": "n", "source/changed": "c", "source/directory/file": "f"})
				if !c.fresh {
					plant(t, base, map[string]string{"target/changed": "old", "target/deleted": "d"})
				}
				shown := func() map[string]string {
					all := snapshot(t, base)
					delete(all, "") // what others did here has changed its time
					return all
				}
				before := shown()
				f := newFrame(t, arguments{Source: base + "/source", Target: base + "/target", Delete: true})
				f.do()
				theirs := c.spoil(t, base+"/target")
				f.run.Followed = followed
				err := rsync{}.Undo(t.Context(), f.run, f.arguments, f.memo)
				if followed {
					check(t, err)
					differ(t, "undone", before, shown())
					return
				}
				if code(err) == "" || !strings.Contains(err.Error(), "neither what was there nor what was put there") {
					t.Fatalf("%v", err)
				}
				if text, err := os.ReadFile(theirs); string(text) != "theirs" {
					t.Fatalf("what others put there holds %q, %v", text, err)
				}
				away := base + "/away"
				place := strings.TrimSuffix(theirs, "/of-others")
				check(t, os.Rename(place, away))
				check(t, os.RemoveAll(away))
				f.undo()
				differ(t, "undone", before, shown())
			})
		}
	}
}

func replaceFile(name string) func(t *testing.T, target string) string {
	return func(t *testing.T, target string) string {
		check(t, os.WriteFile(target+"/theirs", []byte("theirs"), 0o600))
		check(t, os.Rename(target+"/theirs", target+"/"+name))
		return target + "/" + name
	}
}

func replaceDirectory(name string) func(t *testing.T, target string) string {
	return func(t *testing.T, target string) string {
		place := strings.TrimSuffix(target+"/"+name, "/")
		check(t, os.Mkdir(target+"-theirs", 0o700))
		check(t, os.WriteFile(target+"-theirs/of-others", []byte("theirs"), 0o600))
		check(t, os.RemoveAll(place))
		check(t, os.Rename(target+"-theirs", place))
		return place + "/of-others"
	}
}
