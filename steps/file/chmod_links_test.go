package file

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// said collects what a step writes to its log.
type said struct {
	guard sync.Mutex
	text  strings.Builder
}

func (s *said) Handle(event tasklog.Event) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.text.WriteString(string(event.Level) + ": " + event.Text + "\n")
}

// overlay mounts an overlayfs without an index over a lower layer that fill has filled.
func overlay(t *testing.T, fill func(low string)) (all string) {
	t.Helper()
	root := t.TempDir()
	mounted := func(kind, point, options string) {
		must(t, os.MkdirAll(point, 0o755))
		must(t, syscall.Mount(kind, point, kind, 0, options))
		t.Cleanup(func() { must(t, syscall.Unmount(point, syscall.MNT_DETACH)) })
	}
	mounted("tmpfs", root+"/low", "size=4m,mode=755")
	mounted("tmpfs", root+"/high", "size=4m,mode=755")
	must(t, os.Mkdir(root+"/high/upper", 0o755))
	must(t, os.Mkdir(root+"/high/work", 0o755))
	fill(root + "/low")
	mounted("overlay", root+"/all", "lowerdir="+root+"/low,upperdir="+root+"/high/upper,workdir="+root+"/high/work,index=off")
	return root + "/all"
}

func inodeAt(t *testing.T, path string) (number, names uint64) {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	status := info.Sys().(*syscall.Stat_t)
	return status.Ino, uint64(status.Nlink)
}

// TestChmodLinksAgain: on an overlayfs without an index, chmod makes of each name of a file of the lower
// layer a file of its own. The log says so, and undo links the names again that are in the tree.
func TestChmodLinksAgain(t *testing.T) {
	need.Root(t, "it mounts")
	long := time.Unix(1_600_000_000, 0)
	for _, end := range []string{"undo", "rollback", "another name was changed"} {
		t.Run(end, func(t *testing.T) {
			all := overlay(t, func(low string) {
				must(t, os.MkdirAll(low+"/tree/sub", 0o755))
				for _, name := range []string{"/tree/a", "/tree/lone"} {
					must(t, os.WriteFile(low+name, []byte("same"), 0o640))
					must(t, os.Chtimes(low+name, long, long))
				}
				must(t, os.Link(low+"/tree/a", low+"/tree/b"))
				must(t, os.Link(low+"/tree/a", low+"/tree/sub/c"))
				must(t, os.Link(low+"/tree/lone", low+"/elsewhere"))
				must(t, os.Chtimes(low+"/tree/sub", long, long))
			})
			arguments := map[string]any{"path": all + "/tree", "mode": "o+r", "recursive": true}
			log := &said{}
			run := runOf(t)
			run.ID, run.Log, run.Parents = "20260131-093015.120", tasklog.Begin(log, "step", "chmod"), step.NewParents()
			memo, err := Chmod().Prepare(t.Context(), run, arguments)
			must(t, err)
			_, err = Chmod().Do(t.Context(), run, arguments, memo)
			must(t, err)
			if !strings.Contains(log.text.String(), "warning") || !strings.Contains(log.text.String(), "a file of its own") {
				t.Errorf("the log does not say it: %s", log.text.String())
			}
			run.Followed = true
			must(t, Chmod().Verify(t.Context(), run, arguments, memo))
			run.Followed, run.AfterCommit = false, end == "rollback"
			if end == "another name was changed" {
				must(t, os.WriteFile(all+"/tree/b", []byte("diff"), 0o644))
			}
			for range 2 { // it may be called again after a kill
				must(t, Chmod().Undo(t.Context(), run, arguments, memo))
			}
			first, count := inodeAt(t, all+"/tree/a")
			for name, joined := range map[string]bool{"/tree/b": end != "another name was changed", "/tree/sub/c": true, "/tree/lone": false} {
				if number, _ := inodeAt(t, all+name); (number == first) != joined {
					t.Errorf("%s: one with a: %v", name, number == first)
				}
				if info, err := os.Stat(all + name); err != nil || info.Mode() != 0o640 {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
			if want := map[bool]uint64{true: 2, false: 3}[end == "another name was changed"]; count != want {
				t.Errorf("a has %d names, want %d", count, want)
			}
			if text, err := os.ReadFile(all + "/tree/sub/c"); string(text) != "same" {
				t.Errorf("%q, %v", text, err)
			}
			if info, err := os.Stat(all + "/tree/sub"); err != nil || !info.ModTime().Equal(long) {
				t.Errorf("the directory has another time: %v, %v", info.ModTime(), err)
			}
			if left := names(t, all+"/tree"); strings.Contains(left, ".gwe-") {
				t.Errorf("%s is left", left)
			}
		})
	}
}
