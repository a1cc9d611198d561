package file

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// TestOverlay: on overlayfs a file of a lower layer becomes another inode, with another time of birth, when
// it is renamed or changed. It is known again all the same.
func TestOverlay(t *testing.T) {
	need.Root(t, "it mounts")
	root := t.TempDir()
	for _, name := range []string{"low", "high", "all"} {
		must(t, os.Mkdir(filepath.Join(root, name), 0o755))
	}
	mounted := func(kind, point, options string) {
		must(t, syscall.Mount(kind, point, kind, 0, options))
		t.Cleanup(func() { must(t, syscall.Unmount(point, syscall.MNT_DETACH)) })
	}
	mounted("tmpfs", root+"/low", "size=1m")
	mounted("tmpfs", root+"/high", "size=1m")
	must(t, os.MkdirAll(root+"/high/upper", 0o755))
	must(t, os.MkdirAll(root+"/high/work", 0o755))
	must(t, os.WriteFile(root+"/low/moved", []byte("old"), 0o644))
	must(t, os.WriteFile(root+"/low/closed", []byte("old"), 0o644))
	mounted("overlay", root+"/all", "lowerdir="+root+"/low,upperdir="+root+"/high/upper,workdir="+root+"/high/work")

	for _, c := range []struct {
		tried     step.Type
		arguments map[string]any
	}{
		{Move(), map[string]any{"from": root + "/all/moved", "to": root + "/all/there"}},
		{Chmod(), map[string]any{"path": root + "/all/closed", "mode": "0600"}},
	} {
		run := runOf(t)
		memo, err := c.tried.Prepare(t.Context(), run, c.arguments)
		must(t, err)
		_, err = c.tried.Do(t.Context(), run, c.arguments, memo)
		must(t, err)
		must(t, c.tried.Undo(t.Context(), run, c.arguments, memo))
	}
	if content, err := os.ReadFile(root + "/all/moved"); string(content) != "old" {
		t.Errorf("moved holds %q, %v", content, err)
	}
	if info, err := os.Stat(root + "/all/closed"); err != nil || info.Mode() != 0o644 {
		t.Errorf("closed is %v, %v", info, err)
	}
}
