package transfer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// rollBack settles the frame, lets something happen, and undoes it as a manual rollback does, twice. It gives
// what was foreseen to stay, and what was kept.
func (f *frame) rollBack(happens func()) (stays, moves, kept []string) {
	f.Helper()
	check(f, rsync{}.Verify(f.Context(), f.run, f.arguments, f.memo))
	happens()
	f.run.AfterCommit, f.run.Recovering = true, true
	f.run.Kept = func(path string) {
		if !slices.Contains(kept, path) {
			kept = append(kept, path)
		}
	}
	keeping, err := rsync{}.Keeps(f.Context(), f.run, f.arguments, f.memo)
	check(f, err)
	for _, one := range keeping.Later {
		slices.Sort(one.Entries)
		if one.To == "" {
			stays = one.Entries
		} else {
			moves = one.Entries
		}
	}
	f.undo()
	f.undo()
	f.release()
	return stays, moves, kept
}

func write(t testing.TB, path, content string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(content), 0o644))
}

// has fails the test where the files below root are not those, by path and content.
func has(t testing.TB, root string, want map[string]string) {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, root+"/")] = string(content)
		return err
	}))
	for way, content := range want {
		if found[way] != content {
			t.Errorf("%s in %s holds %q, want %q", way, root, found[way], content)
		}
		delete(found, way)
	}
	if len(found) > 0 {
		t.Errorf("%s has %q besides", root, found)
	}
}

// In a directory that was there, what came into new directories and what was changed stays; what stands in
// the place of something that comes back moves aside.
func TestAfterTheCommitIntoADirectory(t *testing.T) {
	root := t.TempDir()
	plant(t, root+"/source", map[string]string{"new/a": "1", "new/sub/b": "2", "lone": "3", "edited": "4", "same": "newer", "kind/x": "5", "replaced": "6"})
	plant(t, root+"/target", map[string]string{"same": "old", "gone": "7", "gone too": "8", "kind": "file", "mine": "9", "replaced": "old"})
	f := newFrame(t, arguments{Source: root + "/source", Target: root + "/target", Delete: true, Exclude: []string{"mine"}})
	f.do()
	at := func(way string) string { return root + "/target/" + way }
	stays, moves, kept := f.rollBack(func() {
		write(t, at("new/sub/later"), "later")
		write(t, at("edited"), "edited")
		write(t, at("same"), "changed since")
		write(t, at("kind/later"), "later too")
		write(t, at("gone"), "made again")
		check(t, os.Remove(at("replaced")))
		write(t, at("replaced"), "by an editor")
	})
	if want := []string{"edited", "new/sub/later"}; !slices.Equal(stays, want) {
		t.Errorf("foreseen to stay: %q, want %q", stays, want)
	}
	if want := []string{"gone", "kind/later", "replaced", "same"}; !slices.Equal(moves, want) {
		t.Errorf("foreseen to move: %q, want %q", moves, want)
	}
	has(t, root+"/target", map[string]string{
		"same": "old", "gone": "7", "gone too": "8", "kind": "file", "mine": "9", "replaced": "old", "new/sub/later": "later", "edited": "edited",
	})
	if want := []string{root + "/.target.kept-" + f.run.ID}; !slices.Equal(kept, want) {
		t.Fatalf("kept %v, want %v", kept, want)
	}
	has(t, kept[0], map[string]string{"same": "changed since", "kind/later": "later too", "gone": "made again", "replaced": "by an editor"})
	if names, _ := filepath.Glob(root + "/.gwe-*"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// Where nothing came, nothing is kept, whatever happened to the links of the files meanwhile.
func TestAfterTheCommitNothingCame(t *testing.T) {
	root := t.TempDir()
	plant(t, root+"/source", map[string]string{"new/a": "1", "same": "newer", "large": strings.Repeat("x", 100_000)})
	plant(t, root+"/target", map[string]string{"same": "old"})
	before := snapshot(t, root+"/target")
	f := newFrame(t, arguments{Source: root + "/source", Target: root + "/target"})
	f.do()
	stays, moves, kept := f.rollBack(func() {
		for _, way := range []string{"new/a", "same", "large"} { // a later run links to them, and is rolled back
			check(t, os.Link(root+"/target/"+way, root+"/link"))
			check(t, os.Remove(root+"/link"))
		}
	})
	if stays != nil || moves != nil || kept != nil {
		t.Errorf("stays %v, moves %v, kept %v", stays, moves, kept)
	}
	differ(t, "after the rollback", before, snapshot(t, root+"/target"))
}

// A new target must not stay: it would count as a release.
func TestAfterTheCommitToANewDirectory(t *testing.T) {
	root := t.TempDir()
	plant(t, root+"/source", map[string]string{"bin/app": "1", "etc/app.conf": "2", "link": "3"})
	plant(t, root+"/running", map[string]string{"link": "3"})
	f := newFrame(t, arguments{Source: root + "/source", Target: root + "/app-2", LinkDest: []value.Path{value.Path(root + "/running")}})
	f.do()
	// A hook of the release, before the commit.
	check(t, os.Chmod(root+"/app-2/bin/app", 0o755))
	_, moves, kept := f.rollBack(func() {
		write(t, root+"/app-2/data/readings", "weeks")
		write(t, root+"/app-2/etc/app.conf", "edited")
	})
	if want := []string{"data/", "etc/app.conf"}; !slices.Equal(moves, want) {
		t.Errorf("foreseen to move: %q, want %q", moves, want)
	}
	if _, err := os.Lstat(root + "/app-2"); err == nil {
		t.Error("the release is there")
	}
	if want := []string{root + "/.app-2.kept-" + f.run.ID}; !slices.Equal(kept, want) {
		t.Fatalf("kept %v, want %v", kept, want)
	}
	has(t, kept[0], map[string]string{"data/readings": "weeks", "etc/app.conf": "edited"})
	has(t, root+"/running", map[string]string{"link": "3"})
}

// Killed between any two of its looks at whether to stop, a rollback is begun again, and comes to the same
// end.
func TestAfterTheCommitAgain(t *testing.T) {
	for after := range 24 {
		root := t.TempDir()
		plant(t, root+"/source", map[string]string{"new/a": "1", "new/b": "2", "same": "newer", "kind/x": "5"})
		plant(t, root+"/target", map[string]string{"same": "old", "gone": "7", "kind": "file"})
		f := newFrame(t, arguments{Source: root + "/source", Target: root + "/target", Delete: true})
		f.do()
		_, _, kept := f.rollBack(func() {
			write(t, root+"/target/new/later", "later")
			write(t, root+"/target/same", "changed since")
			write(t, root+"/target/kind/later", "later too")
			write(t, root+"/target/gone", "made again")
			run := *f.run
			run.AfterCommit, run.Recovering, run.Kept = true, true, func(string) {}
			_ = rsync{}.Undo(&countdown{Context: t.Context(), left: after}, &run, f.arguments, f.memo) // its end is what is tried
		})
		has(t, root+"/target", map[string]string{"same": "old", "gone": "7", "kind": "file", "new/later": "later"})
		if len(kept) != 1 {
			t.Fatalf("stopped after %d: kept %v", after, kept)
		}
		has(t, kept[0], map[string]string{"same": "changed since", "kind/later": "later too", "gone": "made again"})
	}
}

var _ step.KeeperType = Rsync().(step.KeeperType)
