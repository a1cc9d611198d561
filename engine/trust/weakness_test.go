package trust

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

const stranger = 65534

// Whatever a less trusted user could change on a path is found and named, and what only looks so is not.
func TestFind(t *testing.T) {
	need.Root(t, "it gives files to another user")
	for name, test := range map[string]struct {
		spoil func(base string) error
		want  string // the component at fault, below the base; "" is none
	}{
		"all is root's":            {func(string) error { return nil }, ""},
		"file of another":          {func(base string) error { return os.Chown(base+"/a/b/file", stranger, -1) }, "/a/b/file"},
		"file for all":             {func(base string) error { return os.Chmod(base+"/a/b/file", 0o646) }, "/a/b/file"},
		"file for a group":         {func(base string) error { return shared(base+"/a/b/file", 0o664) }, "/a/b/file"},
		"root's group":             {func(base string) error { return os.Chmod(base+"/a", 0o775) }, ""},
		"a group that only reads":  {func(base string) error { return shared(base+"/a/b", 0o750) }, ""},
		"directory above":          {func(base string) error { return os.Chown(base+"/a", stranger, -1) }, "/a"},
		"directory above for all":  {func(base string) error { return os.Chmod(base+"/a", 0o777) }, "/a"},
		"directory for a group":    {func(base string) error { return shared(base+"/a", 0o770) }, "/a"},
		"sticky above":             {func(base string) error { return os.Chmod(base+"/a", 0o777|os.ModeSticky) }, ""},
		"sticky above, of another": {func(base string) error { return sticky(base+"/a", stranger) }, "/a"},
		"link of root's in sticky": {func(base string) error { return linked(base, 0) }, ""},
		"link of another, sticky":  {func(base string) error { return linked(base, stranger) }, "/a/b"},
		"link of another": {func(base string) error {
			if err := linked(base, stranger); err != nil {
				return err
			}
			return os.Chmod(base+"/a", 0o755)
		}, ""},
		"behind a link": {func(base string) error {
			if err := linked(base, 0); err != nil {
				return err
			}
			return os.Chown(base+"/elsewhere", stranger, -1)
		}, "/elsewhere"},
		"an ACL": {func(base string) error {
			return exec.Command("setfacl", "-m", "u:65534:rwx", base+"/a").Run()
		}, "?/a"},
		"nothing there": {func(base string) error { return os.RemoveAll(base + "/a/b") }, ""},
		"a loop": {func(base string) error {
			if err := os.RemoveAll(base + "/a/b"); err != nil {
				return err
			}
			return os.Symlink("b", base+"/a/b")
		}, "!"},
	} {
		base := t.TempDir()
		if err := os.MkdirAll(base+"/a/b", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(base+"/a/b/file", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := test.spoil(base); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		weak, err := Find(base + "/a/b/file")
		switch {
		case test.want == "!":
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want == "" && weak != nil:
			t.Errorf("%s: %v", name, weak)
		case test.want != "" && (weak == nil || weak.Path != base+strings.TrimPrefix(test.want, "?")):
			t.Errorf("%s: %v", name, weak)
		case weak != nil:
			// The cure is one: followed to the letter, it leaves nothing.
			if out, err := exec.Command("sh", "-c", weak.Cure()).CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", name, weak.Cure(), err, out)
			}
			if left, err := Find(base + "/a/b/file"); err != nil || left != nil {
				t.Errorf("%s, cured: %v, %v", name, left, err)
			}
		}
	}
}

func shared(path string, mode os.FileMode) error {
	if err := os.Chown(path, -1, 1); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func sticky(path string, owner int) error {
	if err := os.Chown(path, owner, -1); err != nil {
		return err
	}
	return os.Chmod(path, 0o777|os.ModeSticky)
}

// linked puts a link of that owner in the place of a/b, in a directory as /tmp.
func linked(base string, owner int) error {
	if err := os.Rename(base+"/a/b", base+"/elsewhere"); err != nil {
		return err
	}
	if err := os.Symlink("../elsewhere", base+"/a/b"); err != nil {
		return err
	}
	if err := os.Lchown(base+"/a/b", owner, -1); err != nil {
		return err
	}
	return sticky(base+"/a", 0)
}

// What others may fill is not safe itself, sticky or not; what lies in it is.
func TestStickyItself(t *testing.T) {
	base := t.TempDir()
	if err := os.Chmod(base, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if weak, err := Find(base); err != nil || weak == nil || weak.Path != base {
		t.Errorf("%v, %v", weak, err)
	}
	if weak, err := Find(base + "/new"); err != nil || weak != nil {
		t.Errorf("%v, %v", weak, err)
	}
}

// The owner that stands for all of another user namespace is trusted only where it cannot be a user of this
// one.
func TestUnmapped(t *testing.T) {
	directory := t.TempDir()
	for text, want := range map[string]int64{
		"0 0 4294967295\n":         -1,
		"0 1000 1\n":               65534,
		"0 1000 1\n1 100000 65536": -1,
	} {
		table := filepath.Join(directory, "map")
		if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if found := unmapped(table, "/proc/sys/kernel/overflowuid"); found != want {
			t.Errorf("%q: %d", text, found)
		}
	}
}

// A user's own is safe for that user, and so is what the user's own group may write.
func TestUser(t *testing.T) {
	need.Root(t, "it gives files to another user")
	us := user{uid: 1000, gid: 1000, nobody: -1}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o664); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		uid, gid int
		mode     os.FileMode
		weak     bool
	}{{1000, 1000, 0o664, false}, {0, 0, 0o664, false}, {1000, 1001, 0o664, true}, {1001, 1000, 0o600, true}, {1000, 1000, 0o666, true}} {
		if err := os.Chown(path, test.uid, test.gid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Chmod(path, uint32(test.mode)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if weak := us.weakness(path, info, false); (weak != nil) != test.weak {
			t.Errorf("%v: %v", test, weak)
		}
	}
}
