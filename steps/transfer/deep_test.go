package transfer

import (
	"os"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
)

// TestDeeperThanAnyPath: a tree in which paths have more bytes than the kernel takes in one call is handled
// as any other, new or there already, with and without a tree to link to.
func TestDeeperThanAnyPath(t *testing.T) {
	for name, arrange := range map[string]func(t *testing.T, base string, a *arguments){
		"new":   func(t *testing.T, base string, a *arguments) {},
		"there": func(t *testing.T, base string, a *arguments) { check(t, os.Mkdir(base+"/target", 0o755)) },
		"to be linked": func(t *testing.T, base string, a *arguments) {
			newFrame(t, arguments{Source: base + "/source", Target: base + "/other"}).do()
		},
		"to be deleted": func(t *testing.T, base string, a *arguments) {
			check(t, os.Mkdir(base+"/target", 0o755))
			check(t, os.Mkdir(base+"/target/gone", 0o755))
			steptest.DeepTree(t, base+"/target/gone")
			a.Delete = true
		},
	} {
		for _, end := range []string{"undo", "release", "rollback"} {
			t.Run(name+"/"+end, func(t *testing.T) {
				base := t.TempDir()
				a := arguments{Source: base + "/source", Target: base + "/target"}
				check(t, os.Mkdir(base+"/source", 0o755))
				steptest.DeepTree(t, base+"/source")
				arrange(t, base, &a)
				if name == "to be linked" {
					a.LinkDest = []value.Path{value.Path(base + "/other")}
				}
				before := steptest.DeepSnapshot(t, base)
				f := newFrame(t, a)
				f.do()
				want, got := steptest.DeepSnapshot(t, base+"/source"), steptest.DeepSnapshot(t, base+"/target")
				if name != "to be linked" && want != got {
					t.Errorf("the target is\n%s\nand the source\n%s", got, want)
				}
				check(t, rsync{}.Verify(t.Context(), f.run, f.arguments, f.memo))
				if end == "release" {
					f.release()
					return
				}
				f.run.AfterCommit = end == "rollback"
				f.undo()
				if after := steptest.DeepSnapshot(t, base); after != before {
					t.Errorf("after the undo:\n%s\nbefore:\n%s", after, before)
				}
			})
		}
	}
}
