package release_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/holdings"
	"github.com/gwe-project/gwe/steps/order"
	"github.com/gwe-project/gwe/steps/release"
)

// TestPruneRenewsHoldings: what is recorded of a release stays right when prune deletes one that shared files
// with it, so that the next update need not read them.
func TestPruneRenewsHoldings(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"r1/d/f": "content", "r2/d/g": "own"})
	if err := os.Link(root+"/r1/d/f", root+"/r2/d/f"); err != nil {
		t.Fatal(err)
	}
	dir, err := openat.Open(filepath.Join(root, "r2"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	self, err := holdings.ReleaseAt(dir.Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	record := order.In(&step.Run{ID: "earlier", Step: "fw", Machine: step.Local{}}, root)
	if err := record.Install("r2"); err != nil {
		t.Fatal(err)
	}
	file, err := record.CreateFiles()
	if err != nil {
		t.Fatal(err)
	}
	var status unix.Stat_t
	if err := unix.Lstat(root+"/r2/d/f", &status); err != nil {
		t.Fatal(err)
	}
	writer := holdings.NewWriter(file, self)
	writer.Add(holdings.FileOf("d/f", &status))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	time.Sleep(20 * time.Millisecond) // else a coarse clock gives the same change time

	run, arguments := runOf(t), map[string]any{"dir": root, "keep": 1}
	_, memo, err := act(t, release.Prune(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if err := release.Prune().Release(t.Context(), run, arguments, memo); err != nil {
		t.Fatal(err)
	}
	was := status
	if err := unix.Lstat(root+"/r2/d/f", &status); err != nil || status.Ctim == was.Ctim || status.Nlink != 1 {
		t.Fatalf("the old release was not deleted: %+v, %v", status, err)
	}
	above, err := openat.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer above.Close()
	found, done := holdings.Find(above, dir.Descriptor())
	defer done()
	if f, known := found.Find("d/f"); !known || !f.Fits(&status) {
		t.Errorf("the record does not fit: %+v %v", f, known)
	}
}
