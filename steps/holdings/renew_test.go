package holdings

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

// TestRenew: where gwe removes other links to the files of a release, their record goes with it; what was
// changed in place before or meanwhile stays unknown.
func TestRenew(t *testing.T) {
	target, spool := t.TempDir(), t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{target}, parts...)...) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	paths := []string{"alone", "d/before", "d/e/shared", "d/gone", "meanwhile", "shared"}
	for _, name := range []string{"old", "new"} {
		check(os.MkdirAll(at(name, "d", "e"), 0o755))
	}
	for _, path := range paths {
		check(os.WriteFile(at("new", path), []byte("content"), 0o644))
		if path != "alone" {
			check(os.Link(at("new", path), at("old", path)))
		}
	}
	dir, err := openat.Open(target)
	check(err)
	defer dir.Close()
	release, err := openat.Open(at("new"))
	check(err)
	defer release.Close()
	self, err := ReleaseAt(release.Descriptor())
	check(err)
	file, err := order.In(&step.Run{ID: "run", Step: "step", Machine: step.Local{}}, target).CreateFiles()
	check(err)
	writer := NewWriter(file, self)
	status := func(path string) *unix.Stat_t {
		var found unix.Stat_t
		check(unix.Lstat(at("new", path), &found))
		return &found
	}
	for _, path := range paths {
		f := FileOf(path, status(path))
		f.Sum[0] = 7
		writer.Add(f)
	}
	check(writer.Close())
	check(file.Close())

	// Coarse clocks would give the same change time twice.
	time.Sleep(20 * time.Millisecond)
	check(os.Chmod(at("new", "d/before"), 0o600))
	watch := Observe(t.Context(), dir)
	check(os.Remove(at("new", "d/gone")))
	check(os.WriteFile(at("new", "meanwhile"), []byte("changed"), 0o644))
	check(os.RemoveAll(at("old")))
	stale, done := Find(dir, release.Descriptor())
	if f, found := stale.Find("shared"); !found || f.Fits(status("shared")) {
		t.Error("the removal of a link did not set the change time: this test proves nothing")
	}
	done()
	watch.Renew(t.Context(), spool)

	fresh, done := Find(dir, release.Descriptor())
	defer done()
	for _, path := range paths {
		f, found := fresh.Find(path)
		if !found || f.Sum[0] != 7 {
			t.Fatalf("%s: %+v %v", path, f, found)
		}
		if path == "d/gone" {
			continue
		}
		if want := path == "alone" || path == "shared" || path == "d/e/shared"; f.Fits(status(path)) != want {
			t.Errorf("%s: the record fits: %v, want %v", path, !want, want)
		}
	}
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%v is left in the spool, %v", left, err)
	}
}
