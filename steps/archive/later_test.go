package archive

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// rollBack settles the frame, lets something happen, and undoes it as a manual rollback does, twice. It gives
// what was foreseen to move.
func (b *bench) rollBack(happens func()) (foreseen, kept []string) {
	b.Helper()
	check(b, unpack{}.Verify(b.Context(), b.run, b.arguments, b.memo))
	happens()
	b.run.AfterCommit, b.run.Kept = true, func(path string) {
		if !slices.Contains(kept, path) {
			kept = append(kept, path)
		}
	}
	check(b, unpack{}.Verify(b.Context(), b.run, b.arguments, b.memo)) // asked before a rollback too
	check(b, unpack{}.Inspect(b.Context(), b.run, b.arguments, b.memo))
	keeping, err := unpack{}.Keeps(b.Context(), b.run, b.arguments, b.memo)
	check(b, err)
	for _, one := range keeping.Later {
		foreseen = append(foreseen, one.Entries...)
	}
	slices.Sort(foreseen)
	for range 2 {
		check(b, unpack{}.Undo(b.Context(), b.run, b.arguments, b.memo))
	}
	return foreseen, kept
}

// TestAReleaseInUse: data that came into a release after the commit, and files of it that were edited, move
// aside; what hooks did to modes and owners before the commit does not count, and a later release that linked
// to its files neither.
func TestAReleaseInUse(t *testing.T) {
	need.Root(t, "it gives files to another user")
	b := benchFor(t, item{name: "fw-1/"}, file("fw-1/same"), file("fw-1/other"))
	b.install()
	b.pack(item{name: "fw-2/"}, item{name: "fw-2/etc/"}, file("fw-2/etc/app.conf"), file("fw-2/etc/default"), file("fw-2/bin/app"), symlink("fw-2/link", "bin/app"))
	b.arguments.LinkDest = ""
	_, err := b.try(t.Context())
	check(t, err)
	release := b.path("fw-2")
	for _, way := range []string{"etc/app.conf", "etc/default", "bin/app", "etc", ""} { // a hook, before the commit
		check(t, os.Chown(filepath.Join(release, way), 7, 7))
	}
	check(t, os.Chmod(filepath.Join(release, "bin/app"), 0o4755))
	foreseen, kept := b.rollBack(func() {
		for _, way := range []string{"etc/default", "bin/app"} {
			check(t, os.Link(filepath.Join(release, way), b.path("later")))
			check(t, os.Remove(b.path("later")))
		}
		check(t, os.Mkdir(filepath.Join(release, "data"), 0o755))
		check(t, os.WriteFile(filepath.Join(release, "data", "readings"), []byte("weeks"), 0o600))
		check(t, os.WriteFile(filepath.Join(release, "etc", "app.conf"), []byte("edited"), 0o644))
	})
	if want := []string{"data/", "etc/app.conf"}; !slices.Equal(foreseen, want) {
		t.Errorf("foreseen: %q, want %q", foreseen, want)
	}
	want := b.path(".fw-2.kept-20260101-run")
	if !slices.Equal(kept, []string{want}) {
		t.Fatalf("kept %v, want %s", kept, want)
	}
	if names := filesIn(t, want); strings.Join(names, " ") != ". data data/readings etc etc/app.conf" {
		t.Errorf("%s has %q", want, names)
	}
	if _, err := os.Lstat(release); err == nil {
		t.Error("the release is there")
	}
}

// TestAReleaseThatWasNotUsed goes without a trace, whatever became of the links of its files.
func TestAReleaseThatWasNotUsed(t *testing.T) {
	b := benchFor(t, item{name: "fw-1/"}, file("fw-1/same"))
	b.install()
	before := filesIn(t, b.target)
	b.pack(item{name: "fw-2/"}, file("fw-2/same"), file("fw-2/other"), hardLink("fw-2/twice", "fw-2/other"))
	_, err := b.try(t.Context())
	check(t, err)
	foreseen, kept := b.rollBack(func() { check(t, os.RemoveAll(b.path("fw-2/twice"))) })
	if foreseen != nil || kept != nil {
		t.Errorf("foreseen %v, kept %v", foreseen, kept)
	}
	// Both frames of this test have one name, and so has what they record of the order.
	ordered := func(name string) bool { return strings.HasPrefix(name, ".gwe-releases") }
	after := slices.DeleteFunc(filesIn(t, b.target), ordered)
	if before = slices.DeleteFunc(before, ordered); !slices.Equal(before, after) {
		t.Errorf("there is %q, and was %q", after, before)
	}
}

// TestAReleaseWithAMount: a rollback is refused before anything moves.
func TestAReleaseWithAMount(t *testing.T) {
	need.Root(t, "it mounts")
	b := benchFor(t, item{name: "fw-1/"}, item{name: "fw-1/data/"}, file("fw-1/a"))
	_, err := b.try(t.Context())
	check(t, err)
	point := b.path("fw-1/data")
	check(t, unix.Mount("tmpfs", point, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { check(t, unix.Unmount(point, unix.MNT_DETACH)) })
	b.run.AfterCommit = true
	err = unpack{}.Inspect(t.Context(), b.run, b.arguments, b.memo)
	if found := fault.As(err); found == nil || found.Code != "mounted-within" || !strings.Contains(found.Hint, "umount "+point) {
		t.Errorf("inspect: %v", err)
	}
}

// TestARunOfAnOlderGwe: without a list of what was made, nothing of a release is deleted.
func TestARunOfAnOlderGwe(t *testing.T) {
	b := benchFor(t, item{name: "fw-1/"}, file("fw-1/a"), file("fw-1/b"))
	_, err := b.try(t.Context())
	check(t, err)
	_, kept := b.rollBack(func() {
		lists, err := filepath.Glob(filepath.Join(b.run.Directory, "made*"))
		check(t, err)
		for _, list := range lists {
			check(t, os.Remove(list))
		}
	})
	if len(kept) != 1 || strings.Join(filesIn(t, kept[0]), " ") != ". a b" {
		t.Errorf("kept %v", kept)
	}
}

var _ step.KeeperType = Unpack().(step.KeeperType)
