package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/durable/durabletest"
)

// What has returned has happened for good: the power goes right after it.
func TestPowerCuts(t *testing.T) {
	disk := durabletest.NewDisk(t, 8)
	file, directory := filepath.Join(disk.Directory, "file"), filepath.Join(disk.Directory, "folder")
	content := strings.Repeat("new", 10_000)
	reads := func(path, want string) {
		t.Helper()
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("%s: %d bytes, %v; want %d", path, len(text), err, len(want))
		}
	}
	gone := func(path string) {
		t.Helper()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		disk.Cut()
	}

	// First a look that the cut loses things at all.
	do(os.WriteFile(file, []byte(content), 0o600))
	gone(file)

	do(WriteFile(file, []byte("old"), 0o600))
	reads(file, "old")
	do(WriteFile(file, []byte(content), 0o600))
	reads(file, content)
	if found := names(t, disk.Directory); found != "file lost+found" {
		t.Errorf("left behind: %s", found)
	}

	do(errors.Join(os.Mkdir(directory, 0o755), SyncDirectory(disk.Directory)))
	do(Rename(file, filepath.Join(directory, "moved")))
	reads(filepath.Join(directory, "moved"), content)
	gone(file)
	do(renameNoReplace(filepath.Join(directory, "moved"), file))
	reads(file, content)
	gone(filepath.Join(directory, "moved"))
	do(discard(directory))
	gone(directory)

	if err := errors.Join(os.MkdirAll(filepath.Join(directory, "deep"), 0o755), os.Symlink("deep", filepath.Join(directory, "link"))); err != nil {
		t.Fatal(err)
	}
	many := filepath.Join(directory, "deep", "many")
	do(errors.Join(os.WriteFile(many, []byte(content), 0o600), SyncFileSystems(filepath.Join(directory, "not", "there"), directory)))
	reads(many, content)
	if target, err := os.Readlink(filepath.Join(directory, "link")); err != nil || target != "deep" {
		t.Errorf("%q, %v", target, err)
	}
}
