package file

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// TestFullDisk: what does not fit is told as that, and undo leaves nothing.
func TestFullDisk(t *testing.T) {
	need.Root(t, "it mounts")
	root := t.TempDir()
	point := root + "/full"
	must(t, os.Mkdir(point, 0o755))
	must(t, unix.Mount("tmpfs", point, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { must(t, unix.Unmount(point, unix.MNT_DETACH)) })
	must(t, os.Mkdir(root+"/tree", 0o755))
	must(t, os.WriteFile(root+"/tree/big", make([]byte, 1<<20), 0o600))
	for name, tried := range map[string]step.Type{"copy": Copy(), "move": Move()} {
		run, arguments := runOf(t), map[string]any{"from": root + "/tree", "to": point + "/tree"}
		memo, err := tried.Prepare(t.Context(), run, arguments)
		must(t, err)
		_, err = tried.Do(t.Context(), run, arguments, memo)
		if found := fault.As(err); found == nil || found.Code != "disk-full" {
			t.Errorf("%s: %v", name, err)
		}
		must(t, tried.Undo(t.Context(), run, arguments, memo))
		if left, _ := os.ReadDir(point); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
		if info, err := os.Stat(root + "/tree/big"); err != nil || info.Size() != 1<<20 {
			t.Errorf("%s: the source is %v, %v", name, info, err)
		}
	}
}
