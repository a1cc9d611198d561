package file

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

func runOf(t *testing.T) *step.Run {
	return &step.Run{ID: "run", Step: "s", Machine: step.Local{}, Directory: t.TempDir(), Leased: func(string) bool { return false }}
}

// secondTime is cancelled when it is asked the second time.
type secondTime struct {
	context.Context
	asked bool
}

func (s *secondTime) Err() error {
	if s.asked {
		return context.Canceled
	}
	s.asked = true
	return nil
}

// TestWriteUndoLeavesWhatOthersDid: what somebody else put at the path is neither removed nor overwritten.
func TestWriteUndoLeavesWhatOthersDid(t *testing.T) {
	for name, c := range map[string]struct {
		old  string
		done bool
		// stopped: the new file has its hidden name still.
		stopped bool
		undone  bool
		others  string // replaces what is there; "" removes it
		want    string
		fails   bool
	}{
		"replaced after do":         {old: "old", done: true, others: "theirs", want: "theirs", fails: true},
		"replaced after do, new":    {done: true, others: "theirs", want: "theirs", fails: true},
		"same content after do":     {old: "old", done: true, others: "new", want: "old"},
		"removed after do":          {old: "old", done: true, want: "old"},
		"removed after do, new":     {done: true},
		"made, and do did not come": {others: "theirs", want: "theirs"},
		"made, and do was stopped":  {stopped: true, others: "theirs", want: "theirs"},
		"made after undo":           {done: true, undone: true, others: "theirs", want: "theirs"},
		"replaced after undo":       {old: "old", done: true, undone: true, others: "theirs", want: "theirs"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if c.old != "" {
				must(t, os.WriteFile(path, []byte(c.old), 0o600))
			}
			run, arguments := runOf(t), map[string]any{"path": path, "content": "new"}
			memo, err := Write().Prepare(t.Context(), run, arguments)
			must(t, err)
			if c.done {
				_, err := Write().Do(t.Context(), run, arguments, memo)
				must(t, err)
			}
			if c.stopped {
				if _, err := Write().Do(&secondTime{Context: t.Context()}, run, arguments, memo); err == nil {
					t.Fatal("do was not stopped")
				}
			}
			if c.undone {
				must(t, Write().Undo(t.Context(), run, arguments, memo))
			}
			if _, err := os.Lstat(path); err == nil {
				// While it has another name, its inode number is not given to the next file.
				must(t, os.Link(path, filepath.Join(t.TempDir(), "held")))
				must(t, os.Remove(path))
			}
			if c.others != "" {
				must(t, os.WriteFile(path, []byte(c.others), 0o600))
			}
			err = Write().Undo(t.Context(), run, arguments, memo)
			if (err != nil) != c.fails {
				t.Errorf("undo: %v", err)
			}
			if found := fault.As(err); c.fails && found != nil && found.Code != "write-changed" {
				t.Errorf("undo: %v", err)
			}
			if found := fault.As(err); found != nil && strings.Contains(found.Hint, "is kept as "+filepath.Dir(path)+"/.gwe-old-") != (c.old != "") {
				t.Errorf("the hint: %s", found.Hint)
			}
			if content, _ := os.ReadFile(path); string(content) != c.want {
				t.Errorf("the file holds %q, want %q", content, c.want)
			}
		})
	}
}

// TestChmodUndoBearsThatAllIsGone: where the journal could not tell that it was undone, it is undone again
// when the steps before it were, and the directory that one of them made is gone.
func TestChmodUndoBearsThatAllIsGone(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made", "folder")
	must(t, os.MkdirAll(made, 0o755))
	run, arguments := runOf(t), map[string]any{"path": made, "mode": "0700", "recursive": true}
	memo, err := Chmod().Prepare(t.Context(), run, arguments)
	must(t, err)
	_, err = Chmod().Do(t.Context(), run, arguments, memo)
	must(t, err)
	must(t, os.RemoveAll(filepath.Dir(made)))
	must(t, Chmod().Undo(t.Context(), run, arguments, memo))
}

// TestUndoFindsARelativePathAgain: recovery does not run where the run did.
func TestUndoFindsARelativePathAgain(t *testing.T) {
	for name, arguments := range map[string]map[string]any{
		"write":  {"path": "file", "content": "new"},
		"remove": {"path": "file"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			t.Chdir(root)
			must(t, os.WriteFile("file", []byte("old"), 0o600))
			tried := map[string]step.Type{"write": Write(), "remove": Remove()}[name]
			run := runOf(t)
			memo, err := tried.Prepare(t.Context(), run, arguments)
			must(t, err)
			_, err = tried.Do(t.Context(), run, arguments, memo)
			must(t, err)
			t.Chdir("/")
			must(t, tried.Undo(t.Context(), run, arguments, memo))
			if content, _ := os.ReadFile(filepath.Join(root, "file")); string(content) != "old" {
				t.Errorf("the file holds %q", content)
			}
		})
	}
}

// TestRemoveSparesWhatIsMounted: on the directory, below it, of the same file system, and where the path goes
// by a link.
func TestRemoveSparesWhatIsMounted(t *testing.T) {
	need.Root(t, "it mounts")
	root := t.TempDir()
	directory, mounted := filepath.Join(root, "folder"), filepath.Join(root, "folder", "be low")
	must(t, os.MkdirAll(mounted, 0o755))
	must(t, os.Mkdir(filepath.Join(root, "elsewhere"), 0o755))
	must(t, os.Symlink(root, filepath.Join(root, "alias")))
	remove := func(path string) error {
		_, err := Remove().Prepare(t.Context(), runOf(t), map[string]any{"path": path})
		return err
	}
	must(t, remove(directory))
	must(t, unix.Mount(filepath.Join(root, "elsewhere"), mounted, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(mounted, 0)) })
	for _, path := range []string{mounted, directory, filepath.Join(root, "alias", "folder"), root} {
		if found := fault.As(remove(path)); found == nil || found.Code != "remove-mount-point" {
			t.Errorf("%s: %v", path, found)
		}
	}
	must(t, remove(filepath.Join(root, "elsewhere")))
	must(t, remove(filepath.Join(root, "alias")))
}

// watched tells how often it was asked whether it is cancelled.
type watched struct {
	context.Context
	times int
	asked func(times int)
}

func (w *watched) Err() error {
	w.times++
	w.asked(w.times)
	return w.Context.Err()
}

// TestUndoComesAgain: what a later step moved away, and could not move back yet, is known when the undo comes
// a second time.
func TestUndoComesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		tried     step.Type
		arguments map[string]any
	}{
		"write":   {Write(), map[string]any{"path": "new", "content": "new"}},
		"mkdir":   {Mkdir(), map[string]any{"path": "new"}},
		"symlink": {Symlink(), map[string]any{"link": "new", "to": "anywhere"}},
	} {
		root := t.TempDir()
		for _, argument := range []string{"path", "link"} {
			if _, ok := c.arguments[argument]; ok {
				c.arguments[argument] = filepath.Join(root, "new")
			}
		}
		run := runOf(t)
		memo, err := c.tried.Prepare(t.Context(), run, c.arguments)
		must(t, err)
		_, err = c.tried.Do(t.Context(), run, c.arguments, memo)
		must(t, err)
		must(t, os.Rename(filepath.Join(root, "new"), filepath.Join(root, "moved")))
		must(t, c.tried.Undo(t.Context(), run, c.arguments, memo))
		must(t, os.Rename(filepath.Join(root, "moved"), filepath.Join(root, "new")))
		must(t, c.tried.Undo(t.Context(), run, c.arguments, memo))
		if left, _ := os.ReadDir(root); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

// TestUndoMissesWhatWasKept: where somebody removed what the undo needs, it says so. Where the undo came
// already and an older one took the rest away, it says nothing.
func TestUndoMissesWhatWasKept(t *testing.T) {
	for name, c := range map[string]struct {
		tried     step.Type
		arguments func(root string) map[string]any
		code      string
	}{
		"write": {Write(), func(root string) map[string]any {
			return map[string]any{"path": root + "/old", "content": "new"}
		}, "write-kept-gone"},
		"symlink": {Symlink(), func(root string) map[string]any {
			return map[string]any{"link": root + "/link", "to": "elsewhere"}
		}, "symlink-kept-gone"},
		"remove": {Remove(), func(root string) map[string]any {
			return map[string]any{"path": root + "/old"}
		}, "remove-kept-gone"},
		"move": {Move(), func(root string) map[string]any {
			return map[string]any{"from": root + "/old", "to": root + "/new"}
		}, "move-kept-gone"},
	} {
		for _, undone := range []bool{false, true} {
			root := t.TempDir()
			must(t, os.WriteFile(root+"/old", []byte("old"), 0o600))
			must(t, os.Symlink("old", root+"/link"))
			run, arguments := runOf(t), c.arguments(root)
			memo, err := c.tried.Prepare(t.Context(), run, arguments)
			must(t, err)
			_, err = c.tried.Do(t.Context(), run, arguments, memo)
			must(t, err)
			if undone {
				must(t, c.tried.Undo(t.Context(), run, arguments, memo))
			}
			entries, err := os.ReadDir(root)
			must(t, err)
			for _, entry := range entries {
				must(t, os.Remove(filepath.Join(root, entry.Name())))
			}
			err = c.tried.Undo(t.Context(), run, arguments, memo)
			if undone {
				must(t, err)
			} else if found := fault.As(err); found == nil || found.Code != c.code {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestInspectNeedsWhatWasThere: a rollback continues where the file was changed, and not where what was there
// before is gone.
func TestInspectNeedsWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	run, arguments := runOf(t), map[string]any{"path": path, "content": "new"}
	memo, err := Write().Prepare(t.Context(), run, arguments)
	must(t, err)
	_, err = Write().Do(t.Context(), run, arguments, memo)
	must(t, err)
	must(t, os.WriteFile(path+".theirs", []byte("theirs"), 0o600))
	must(t, os.Rename(path+".theirs", path))
	for _, there := range []bool{true, false} {
		err := Write().(step.InspectorType).Inspect(t.Context(), run, arguments, memo)
		if found := fault.As(err); there && err != nil || !there && (found == nil || found.Code != "write-kept-gone") {
			t.Errorf("%v", err)
		}
		kept, err := filepath.Glob(filepath.Dir(path) + "/.gwe-old-*")
		must(t, err)
		for _, one := range kept {
			must(t, os.Remove(one))
		}
	}
}
