package claim

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// mounted mounts something on a new directory until the end of the test.
func mounted(t *testing.T, source, at, kind string, flags uintptr) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(at, 0o755), unix.Mount(source, at, kind, flags, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

// TestExtents: which directories are one, by whatever path, and which lie in others.
func TestExtents(t *testing.T) {
	need.Root(t, "it mounts")
	w := t.TempDir()
	at := func(path string) string { return filepath.Join(w, path) }
	for _, path := range []string{"T/sub/deep", "T/subway", "other"} {
		if err := os.MkdirAll(at(path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link": "T/sub", "chain": "link/deep", "up": "T/sub/../..", "T/out": "../other", "dangling": "T/none/yet", "loop": "loop"} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	mounted(t, at("T/sub"), at("bound"), "", unix.MS_BIND)
	mounted(t, "tmpfs", at("T/disk"), "tmpfs", 0)
	if err := os.MkdirAll(at("T/disk/data/deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	mounted(t, at("T/disk/data"), at("data"), "", unix.MS_BIND)
	mounted(t, at("T/disk"), at("again"), "", unix.MS_BIND)

	const same, inside, apart = "same", "inside", "apart"
	for _, test := range []struct{ one, other, want string }{
		{"T", "T", same},
		{"T/sub", "T", inside},
		{"T/sub/deep", "T", inside},
		{"T/subway", "T/sub", apart},
		{"other", "T", apart},
		{"link", "T/sub", same},
		{"chain", "T", inside},
		{"chain", "T/sub/deep", same},
		{"T", "up", inside},
		{"T/out", "other", same},
		{"T/out", "T", apart}, // the directory that it leads to lies beside
		{"bound", "T/sub", same},
		{"bound", "T", inside},
		{"bound/deep", "T/sub", inside},
		{"bound/deep", "link/deep", same},
		{"bound", "T/subway", apart},
		{"T/disk", "T", inside},
		{"data", "T/disk", inside},
		{"data", "T", inside}, // by way of what is mounted below
		{"data/deep", "again/data", inside},
		{"again", "T/disk", same},
		{"again", "T", inside},
		{"data", "T/sub", apart},
		{"T/new", "T", inside},
		{"T/new/below", "T/new", inside},
		{"T/new", "T/sub", apart},
		{"T/new", "T/newer", apart},
		{"bound/new", "T/sub/new", same},
		{"dangling", "T/none", inside},
		{"dangling", "T/none/yet", same},
		{"loop", "T", apart},
		{"T/sub/../sub", "T/sub", same},
	} {
		one, other := resolve(at(test.one), mountTable()), resolve(at(test.other), mountTable())
		got := apart
		switch {
		case one.Same(other) && other.Same(one):
			got = same
		case one.LiesIn(other) && !other.LiesIn(one):
			got = inside
		}
		if overlaps := one.Overlaps(other); got != test.want || overlaps != (got != apart) || overlaps != other.Overlaps(one) {
			t.Errorf("%s and %s: %s (overlap %v), want %s", test.one, test.other, got, overlaps, test.want)
		}
	}
	if one := resolve(at("T"), mountTable()); !one.LiesIn(resolve("/", mountTable())) {
		t.Error("it does not lie in /")
	}
}

// TestExtentsOfARenamedDirectory: it is the same by its identity, under whatever name.
func TestExtentsOfARenamedDirectory(t *testing.T) {
	w := t.TempDir()
	if err := os.MkdirAll(w+"/a/T/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	before := Resolve(w + "/a/T")
	if err := os.Rename(w+"/a", w+"/b"); err != nil {
		t.Fatal(err)
	}
	if !AnySame(before, Resolve(w+"/b/T")) || !AnyOverlaps(before, Resolve(w+"/b/T/sub")) {
		t.Error("it is not known under its new name")
	}
	if !AnyOverlaps(before, Resolve(w+"/a/T")) {
		t.Error("nor is the name that it had")
	}
}

// TestExtentsWithoutProc: the identities and the paths tell enough where the mounts are not known.
func TestExtentsWithoutProc(t *testing.T) {
	w := t.TempDir()
	if err := errors.Join(os.MkdirAll(w+"/T/sub", 0o755), os.Symlink("T", w+"/link")); err != nil {
		t.Fatal(err)
	}
	target := resolve(w+"/T", nil)
	for path, want := range map[string]bool{"/link": true, "/T/sub": true, "/link/new": true, "/T2": false, "/": true} {
		if got := resolve(filepath.Clean(w+path), nil).Overlaps(target); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
