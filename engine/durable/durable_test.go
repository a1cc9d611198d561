package durable

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/openat"
)

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return ""
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t *testing.T, directory string) string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return strings.Join(found, " ")
}

func mountSmall(t *testing.T, flags uintptr) string {
	t.Helper()
	directory := t.TempDir()
	if err := unix.Mount("tmpfs", directory, "tmpfs", flags, "size=64k"); err != nil {
		t.Fatalf("these tests run as root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(directory, 0); err != nil {
			t.Error(err)
		}
	})
	return directory
}

func TestWriteFile(t *testing.T) {
	directory := t.TempDir()
	path := write(t, filepath.Join(directory, "file"), "old")
	if err := WriteFile(path, []byte("new"), 0o666); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	status, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(text) != "new" || status.Mode() != 0o666 {
		t.Errorf("%q, %v, %v, %v", text, status.Mode(), err, statErr)
	}
	link := filepath.Join(directory, "link")
	if err := errors.Join(os.Symlink("file", link), WriteFile(link, []byte("other"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "new" {
		t.Errorf("the link was followed: %q, %v", text, err)
	}
	if found := names(t, directory); found != "file link" {
		t.Errorf("left behind: %s", found)
	}
}

func TestWriteFileThatFailsLeavesTheOldOne(t *testing.T) {
	need.Root(t, "it mounts")
	full := mountSmall(t, 0)
	path := write(t, filepath.Join(full, "file"), "old")
	readOnly := mountSmall(t, unix.MS_RDONLY)
	directory := t.TempDir()
	if err := os.Mkdir(filepath.Join(directory, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, code string
		class      fault.Class
	}{
		{path, "disk-full", fault.Failed},
		{filepath.Join(readOnly, "file"), "read-only-file-system", fault.Failed},
		{filepath.Join(directory, "none", "file"), "not-found", fault.Failed},
		{filepath.Join(directory, "taken"), "already-exists", fault.Failed},
	} {
		err := WriteFile(test.path, make([]byte, 1<<20), 0o644)
		if code(err) != test.code || fault.ClassOf(err) != test.class {
			t.Errorf("%s: got %v (%s), want %s", test.path, err, code(err), test.code)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" || names(t, full) != "file" {
		t.Errorf("%q, %v, %s", text, err, names(t, full))
	}
	if found := names(t, directory); found != "taken" {
		t.Errorf("left behind: %s", found)
	}
}

func TestSync(t *testing.T) {
	need.Root(t, "it mounts")
	directory, other := t.TempDir(), mountSmall(t, 0)
	file := write(t, filepath.Join(directory, "file"), "x")
	if err := errors.Join(SyncFile(file), SyncDirectory(directory)); err != nil {
		t.Error(err)
	}
	if err := SyncDirectory(file); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file as a directory: %v", err)
	}
	fifo := filepath.Join(directory, "fifo")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Symlink(other, filepath.Join(directory, "link")),
		os.Symlink("fifo", filepath.Join(directory, "blocking")), os.Symlink("nowhere", filepath.Join(directory, "dangling"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		file:      {file},
		directory: {directory},
		filepath.Join(directory, "none", "at", "all"): {directory},
		filepath.Join(file, "below"):                  {file},
		fifo:                                          {directory},
		filepath.Join(directory, "link"):              {directory, filepath.Join(directory, "link")},
		filepath.Join(directory, "blocking"):          {directory},
		filepath.Join(directory, "dangling"):          {directory},
	} {
		got, err := anchorsOf(path)
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: got %v, %v, want %v", path, got, err, want)
		}
		if err := SyncFileSystems(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	synced := map[uint64]bool{}
	for _, path := range []string{directory, file, other} {
		if err := syncFileSystem(path, synced); err != nil {
			t.Error(err)
		}
	}
	if len(synced) != 2 {
		t.Errorf("%d file systems were synced, of 2", len(synced))
	}
}

func TestRename(t *testing.T) {
	directory := t.TempDir()
	old, taken := write(t, filepath.Join(directory, "a", "old"), "old"), write(t, filepath.Join(directory, "b", "new"), "new")
	t.Run("no replace", func(t *testing.T) {
		if err := renameNoReplace(old, taken); !errors.Is(err, fs.ErrExist) || code(err) != "already-exists" {
			t.Errorf("over a file: %v", err)
		}
		if err := renameNoReplace(filepath.Dir(old), filepath.Dir(taken)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a directory: %v", err)
		}
		free := filepath.Join(directory, "b", "free")
		if err := errors.Join(renameNoReplace(old, free), renameNoReplace(free, old)); err != nil {
			t.Errorf("a file: %v", err)
		}
		if err := errors.Join(renameNoReplace(filepath.Dir(old), free), renameNoReplace(free, filepath.Dir(old))); err != nil {
			t.Errorf("a directory: %v", err)
		}
		if err := renameNoReplace(filepath.Join(directory, "none"), free); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("nothing: %v", err)
		}
		if found := names(t, directory) + "; " + names(t, filepath.Dir(old)) + "; " + names(t, filepath.Dir(taken)); found != "a b; old; new" {
			t.Errorf("afterwards: %s", found)
		}
	})
	if err := Rename(old, taken); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
}

// renameNoReplace is RenameNoReplaceAt by path.
func renameNoReplace(old, new string) error {
	from, name, err := openat.OpenParent(old)
	if err != nil {
		return err
	}
	defer from.Close()
	to, other, err := openat.OpenParent(new)
	if err != nil {
		return err
	}
	defer to.Close()
	return RenameNoReplaceAt(from, name, to, other)
}

// discard is DiscardAt by path.
func discard(path string) error {
	dir, name, err := openat.OpenParent(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return DiscardAt(dir, name)
}

func TestDiscard(t *testing.T) {
	directory := t.TempDir()
	kept := write(t, filepath.Join(directory, "kept", "file"), "x")
	tree := filepath.Join(directory, "tree")
	write(t, filepath.Join(tree, "deep", "file"), "x")
	link := filepath.Join(directory, "link")
	if err := errors.Join(os.Symlink(filepath.Dir(kept), filepath.Join(tree, "out")), os.Symlink("kept", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{tree, link, tree} {
		if err := discard(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if names(t, directory) != "kept" || names(t, filepath.Dir(kept)) != "file" {
		t.Errorf("left: %s; %s", names(t, directory), names(t, filepath.Dir(kept)))
	}
}

func TestDiscardTakesWhatIsHeldFast(t *testing.T) {
	need.Root(t, "it makes files immutable")
	dir := t.TempDir()
	trash := filepath.Join(dir, "trash")
	held := filepath.Join(trash, "a", "held")
	outside := filepath.Join(dir, "outside")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(trash, "a", "b"), 0o755),
		os.WriteFile(held, []byte("x"), 0o400),
		os.WriteFile(outside, []byte("x"), 0o400),
		os.Symlink(outside, filepath.Join(trash, "link")),
		exec.Command("mkfifo", filepath.Join(trash, "fifo")).Run(),
		os.Chmod(filepath.Join(trash, "a"), 0o500),
		exec.Command("chattr", "+i", held).Run(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(trash); err == nil {
		t.Fatal("nothing holds the tree: the test tests nothing")
	}
	for range 2 {
		if err := discard(trash); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(trash); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is still there")
	}
	if _, err := os.Lstat(outside); err != nil {
		t.Error(err)
	}
}
