package openat

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Below opens what is there, by no link and not out of the directory.
func TestBelow(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.MkdirAll(root+"/in/a/b", 0o755), os.Symlink("a", root+"/in/link"), os.WriteFile(root+"/in/file", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	dir, err := Open(root + "/in")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, open := range map[string]func(string) (*Dir, error){
		"openat2": dir.Below,
		"walk": func(relative string) (*Dir, error) {
			handle, err := dir.descend(relative)
			return &Dir{handle: handle, path: dir.Join(relative)}, err
		},
	} {
		for relative, want := range map[string]error{
			".": nil, "a": nil, "a/b": nil,
			"none": fs.ErrNotExist, "file": unix.ENOTDIR, "a/../..": errAny, "..": errAny, "link": errAny, "link/b": errAny,
		} {
			found, err := open(relative)
			if want == nil && err != nil || want != nil && err == nil || want != nil && want != errAny && !errors.Is(err, want) {
				t.Errorf("%s: %s: %v, want %v", name, relative, err, want)
			}
			if want == nil && err == nil {
				if real, err := found.Real(); err != nil || real != filepath.Join(root, "in", relative) {
					t.Errorf("%s: %s is %s, %v", name, relative, real, err)
				}
			}
			if err == nil {
				found.Close()
			}
		}
	}
	if err := dir.SyncFileSystem(); err != nil {
		t.Error(err)
	}
}

var errAny = errors.New("any")

// A hard link is made of the inode that was opened, whatever has its name by then; the same with a symbolic
// link.
func TestLinkTo(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.WriteFile(root+"/file", []byte("ours"), 0o600), os.Symlink("text", root+"/link")); err != nil {
		t.Fatal(err)
	}
	dir, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, name := range []string{"file", "link"} {
		entry, err := dir.Entry(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(dir.Join(name), dir.Join(name+"-away")), os.WriteFile(dir.Join(name), []byte("another"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := entry.LinkTo(dir, name+"-linked"); err != nil {
			t.Fatal(err)
		}
		was, err := dir.IdentityOf(name + "-away")
		if now, again := dir.IdentityOf(name + "-linked"); err != nil || again != nil || !now.Is(was) || now.Inode != was.Inode {
			t.Errorf("%s: %v, not %v: %v, %v", name, now, was, err, again)
		}
		text, err := entry.Readlink()
		if want := map[string]string{"link": "text"}[name]; text != want || (err == nil) != (want != "") {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
		entry.Close()
	}
}
