package transfer

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// TestOverlayLinks: on an overlayfs without an index, a file of the lower layer with several names becomes
// another inode when it is moved. That is no change by others: the step replaces and deletes it, names it in
// the log, and the undo gives it back. Where the layers are on different file systems, a file has the device
// of its layer: it is on the same mount all the same.
func TestOverlayLinks(t *testing.T) {
	need.Root(t, "it mounts")
	for _, end := range []string{"undo", "rollback", "release", "undo of layers apart", "rollback of layers apart"} {
		t.Run(end, func(t *testing.T) {
			end, apart, _ := strings.Cut(end, " of ")
			root := t.TempDir()
			mounted := func(kind, point, options string) {
				check(t, os.MkdirAll(point, 0o755))
				check(t, syscall.Mount(kind, point, kind, 0, options))
				t.Cleanup(func() { check(t, syscall.Unmount(point, syscall.MNT_DETACH)) })
			}
			plant(t, root, map[string]string{"source/f": "new", "source/same": "old", "source/lone": "only"}) // before the overlay: it sets times
			mounted("tmpfs", root+"/one", "size=4m,mode=755")
			plant(t, root+"/one", map[string]string{"low/target/f": "old", "low/target/gone": "gone", "low/target/lone": "lone"})
			layer := root + "/one"
			if apart != "" {
				layer = root + "/two"
				mounted("tmpfs", layer, "size=4m,mode=755")
			}
			plant(t, layer, map[string]string{"upper/": "", "work/": ""})
			check(t, os.Link(root+"/one/low/target/f", root+"/one/low/target/same"))
			check(t, os.Link(root+"/one/low/target/gone", root+"/one/low/elsewhere"))
			mounted("overlay", root+"/all", "lowerdir="+root+"/one/low,upperdir="+layer+"/upper,workdir="+layer+"/work,index=off,xino=off")
			read := func() string {
				var text strings.Builder
				for _, name := range []string{"f", "same", "gone", "lone"} {
					content, _ := os.ReadFile(root + "/all/target/" + name)
					text.WriteString(name + "=" + string(content) + " ")
				}
				return text.String()
			}
			before := read()
			f := newFrame(t, arguments{Source: root + "/source", Target: root + "/all/target", Delete: true, Checksum: true})
			f.do()
			if got := read(); got != "f=new same=old gone= lone=only " {
				t.Fatalf("done: %s", got)
			}
			if !strings.Contains(strings.Join(f.lines.all, "\n"), "had several names") {
				t.Errorf("the log does not say it: %q", f.lines.all)
			}
			check(t, rsync{}.Verify(t.Context(), f.run, f.arguments, f.memo))
			if end == "release" {
				f.release()
				return
			}
			f.run.AfterCommit = end == "rollback"
			for range 2 {
				f.undo()
				if got := read(); got != before {
					t.Errorf("undone: %s, before: %s", got, before)
				}
			}
		})
	}
}
