package file

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// committed does a step and settles it, as the engine does before the commit. kept is told what its undo
// moves aside.
func committed(t *testing.T, tried step.Type, arguments map[string]any) (rollBack func() (kept []string)) {
	t.Helper()
	run := runOf(t)
	memo, err := tried.Prepare(t.Context(), run, arguments)
	must(t, err)
	_, err = tried.Do(t.Context(), run, arguments, memo)
	must(t, err)
	must(t, tried.Verify(t.Context(), run, arguments, memo))
	return func() (kept []string) {
		t.Helper()
		run.Covered = func(string) bool { return false }
		run.AfterCommit, run.Kept = true, func(path string) {
			if !slices.Contains(kept, path) {
				kept = append(kept, path)
			}
		}
		keeping, err := tried.(step.KeeperType).Keeps(t.Context(), run, arguments, memo)
		must(t, err)
		var foreseen []string
		for _, one := range keeping.Later {
			if one.To != "" {
				foreseen = append(foreseen, one.To)
			}
		}
		for range 2 {
			must(t, tried.Undo(t.Context(), run, arguments, memo))
		}
		if !slices.Equal(kept, foreseen) {
			t.Errorf("kept %v, and %v was foreseen", kept, foreseen)
		}
		must(t, tried.Release(t.Context(), run, arguments, memo))
		return kept
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if content, err := os.ReadFile(path); err != nil || string(content) != want {
		t.Errorf("%s holds %q (%v), want %q", path, content, err, want)
	}
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s is there", path)
	}
}

// TestFilesChangedAfterTheCommit: a file that was edited, or got another mode, moves aside, and what was
// there before is back.
func TestFilesChangedAfterTheCommit(t *testing.T) {
	need.Root(t, "it gives files to another user")
	for name, c := range map[string]struct {
		tried  step.Type
		change func(path string) error
		kept   string
	}{
		"copy":             {Copy(), func(string) error { return nil }, ""},
		"copy, edited":     {Copy(), func(path string) error { return os.WriteFile(path, []byte("edited"), 0o644) }, "edited"},
		"copy, mode":       {Copy(), func(path string) error { return os.Chmod(path, 0o600) }, "new"},
		"copy, owner":      {Copy(), func(path string) error { return os.Chown(path, 7, 7) }, "new"},
		"copy, touched":    {Copy(), func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) }, ""},
		"write":            {Write(), func(string) error { return nil }, ""},
		"write, mode":      {Write(), func(path string) error { return os.Chmod(path, 0o600) }, "new"},
		"write, same size": {Copy(), func(path string) error { return os.WriteFile(path, []byte("wen"), 0o644) }, "wen"},
	} {
		for _, before := range []string{"", "old"} {
			t.Run(name+" over "+before, func(t *testing.T) {
				root := t.TempDir()
				path := filepath.Join(root, "app.conf")
				must(t, os.WriteFile(root+"/from", []byte("new"), 0o644))
				if before != "" {
					must(t, os.WriteFile(path, []byte(before), 0o644))
				}
				arguments := map[string]any{"from": root + "/from", "to": path}
				if c.tried.About().Name == "write" {
					arguments = map[string]any{"path": path, "content": "new", "mode": "0644"}
				}
				rollBack := committed(t, c.tried, arguments)
				must(t, c.change(path))
				kept := rollBack()
				if before != "" {
					holds(t, path, before)
				} else {
					gone(t, path)
				}
				if c.kept == "" {
					if len(kept) > 0 {
						t.Errorf("kept %v", kept)
					}
					return
				}
				if want := []string{root + "/.app.conf.kept-run"}; !slices.Equal(kept, want) {
					t.Fatalf("kept %v, want %v", kept, want)
				}
				holds(t, kept[0]+"/app.conf", c.kept)
			})
		}
	}
}

// TestMkdirAfterTheCommit: what is not empty stays, and so does what somebody made in its place.
func TestMkdirAfterTheCommit(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "var", "lib", "app")
	arguments := map[string]any{"path": path, "parents": true}
	rollBack := committed(t, Mkdir(), arguments)
	must(t, os.WriteFile(path+"/data", []byte("weeks"), 0o600))
	if kept := rollBack(); kept != nil {
		t.Errorf("kept %v", kept)
	}
	holds(t, path+"/data", "weeks")
	must(t, os.RemoveAll(root+"/var"))

	rollBack = committed(t, Mkdir(), arguments)
	must(t, os.WriteFile(filepath.Dir(path)+"/other", []byte("theirs"), 0o600))
	rollBack()
	gone(t, path)
	holds(t, filepath.Dir(path)+"/other", "theirs")
	must(t, os.RemoveAll(root+"/var"))

	rollBack = committed(t, Mkdir(), arguments)
	must(t, os.Rename(root+"/var", root+"/moved"))
	must(t, os.MkdirAll(path, 0o755))
	rollBack()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the directories of somebody else are removed: %v", err)
	}
}

// TestMoveAfterTheCommit: data that came into a directory since goes back with it, or, where it is a copy on
// another file system, moves aside.
func TestMoveAfterTheCommit(t *testing.T) {
	need.Root(t, "it mounts")
	root := t.TempDir()
	must(t, os.Mkdir(root+"/from", 0o755))
	must(t, os.WriteFile(root+"/from/state", []byte("before"), 0o600))
	rollBack := committed(t, Move(), map[string]any{"from": root + "/from", "to": root + "/to"})
	must(t, os.WriteFile(root+"/to/data", []byte("weeks"), 0o600))
	if kept := rollBack(); kept != nil {
		t.Errorf("kept %v", kept)
	}
	holds(t, root+"/from/data", "weeks")
	gone(t, root+"/to")
	must(t, os.Remove(root+"/from/data"))

	other := elsewhere(t, root, "tmpfs")
	rollBack = committed(t, Move(), map[string]any{"from": root + "/from", "to": other + "/to"})
	must(t, os.WriteFile(other+"/to/data", []byte("weeks"), 0o600))
	must(t, os.WriteFile(other+"/to/state", []byte("after"), 0o600))
	kept := rollBack()
	if want := []string{other + "/.to.kept-run"}; !slices.Equal(kept, want) {
		t.Fatalf("kept %v, want %v", kept, want)
	}
	holds(t, root+"/from/state", "before")
	gone(t, root+"/from/data")
	holds(t, kept[0]+"/data", "weeks")
	holds(t, kept[0]+"/state", "after")
	gone(t, other+"/to")
}

// TestReplacedByACopyOfATree: the old tree is back in its place, and what came into the copy is beside it.
func TestReplacedByACopyOfATree(t *testing.T) {
	root := t.TempDir()
	for _, way := range []string{"from/a", "from/sub/b", "app/old"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, way)), 0o755))
		must(t, os.WriteFile(filepath.Join(root, way), []byte(way), 0o644))
	}
	rollBack := committed(t, Copy(), map[string]any{"from": root + "/from", "to": root + "/app", "replace": true})
	must(t, os.WriteFile(root+"/app/sub/later", []byte("later"), 0o644))
	must(t, os.WriteFile(root+"/app/a", []byte("edited"), 0o644))
	kept := rollBack()
	holds(t, root+"/app/old", "app/old")
	if len(kept) != 1 {
		t.Fatalf("kept %v", kept)
	}
	holds(t, kept[0]+"/sub/later", "later")
	holds(t, kept[0]+"/a", "edited")
	gone(t, kept[0]+"/sub/b")
}
