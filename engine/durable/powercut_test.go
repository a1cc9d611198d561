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
	file, folder := filepath.Join(disk.Folder, "file"), filepath.Join(disk.Folder, "folder")
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
	if found := names(t, disk.Folder); found != "file lost+found" {
		t.Errorf("left behind: %s", found)
	}

	do(errors.Join(os.Mkdir(folder, 0o755), SyncFolder(disk.Folder)))
	do(Rename(file, filepath.Join(folder, "moved")))
	reads(filepath.Join(folder, "moved"), content)
	gone(file)
	do(renameNoReplace(filepath.Join(folder, "moved"), file))
	reads(file, content)
	gone(filepath.Join(folder, "moved"))
	do(discard(folder))
	gone(folder)

	if err := errors.Join(os.MkdirAll(filepath.Join(folder, "deep"), 0o755), os.Symlink("deep", filepath.Join(folder, "link"))); err != nil {
		t.Fatal(err)
	}
	many := filepath.Join(folder, "deep", "many")
	do(errors.Join(os.WriteFile(many, []byte(content), 0o600), SyncFileSystems(filepath.Join(folder, "not", "there"), folder)))
	reads(many, content)
	if target, err := os.Readlink(filepath.Join(folder, "link")); err != nil || target != "deep" {
		t.Errorf("%q, %v", target, err)
	}
}
