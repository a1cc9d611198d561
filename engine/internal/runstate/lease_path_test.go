package runstate

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAnyNeeds(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{"real/rel-1", "real/rel-2", "d"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"dir": "real", "previous": "dir/rel-1", "stable": "previous", "d/up": "..", "d/root": "/", "d/away": "../real/rel-2", "loop": "loop",
		".gwe-trash-link": "real/rel-1", "d/back": root + "/d/../dir",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path, lease string
		want        bool
	}{
		{"/real/rel-1", "/real/rel-1", true},
		{"/real/rel-1/below", "/real/rel-1", true},
		{"/real", "/real/rel-1", true},
		{"/real/rel-10", "/real/rel-1", false},
		{"/real/rel-2", "/real/rel-1", false},
		// a link is an entry, not what it leads to
		{"/previous", "/real/rel-1", false},
		{"/stable", "/real/rel-1", false},
		{"/d/up", "/d/.gwe-x", false},
		{"/d/up", "/real/rel-1", false},
		{"/d/root", "/real/rel-1", false},
		// links on the way are followed
		{"/dir/rel-1", "/real/rel-1", true},
		{"/d/up/real", "/dir/rel-1", true},
		{"/d/back/rel-1/x", "/real/rel-1", true},
		{"/d/up/real/rel-2", "/real/rel-1", false},
		// a lease needs each link that leads to it
		{"/dir", "/dir/rel-1", true},
		{"/d/up/dir", "/dir/rel-1", true},
		{"/previous", "/stable", true},
		{"/dir", "/stable", true},
		{"/real/rel-1", "/stable", true},
		{"/real/rel-2", "/stable", false},
		// what is kept under a hidden name is the link alone
		{"/.gwe-trash-link", "/.gwe-trash-link", true},
		{"/real/rel-1", "/.gwe-trash-link", false},
		{"/real/gone", "/gone/too", false},
		{"/loop", "/real/rel-1", false},
		{"/loop", "/loop/x", true},
	} {
		if got := AnyNeeds([]string{root + test.lease}, root+test.path); got != test.want {
			t.Errorf("removing %s with a lease of %s: %v, want %v", test.path, test.lease, got, test.want)
		}
	}
	for path, want := range map[string]bool{"/": true, "//": true, root + "/..": true, root: true, "/nonexistent": false} {
		if got := AnyNeeds([]string{root + "/real/rel-1", ""}, path); got != want {
			t.Errorf("removing %s: %v, want %v", path, got, want)
		}
	}
	if !AnyNeeds([]string{"/"}, root+"/d") {
		t.Error("nothing lies in a lease of /")
	}
}
