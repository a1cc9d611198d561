package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
)

func TestDiscardTakesWhatIsHeldFast(t *testing.T) {
	for name, discard := range map[string]func(path string) error{
		"Discard": durable.Discard,
		"ClearIn": func(path string) error {
			dir, name, err := openat.OpenParent(path)
			if err != nil {
				return err
			}
			defer dir.Close()
			return durable.ClearIn(dir, name)
		},
		"EmptyIn": func(path string) error {
			dir, name, err := openat.OpenParent(path)
			if err != nil {
				return err
			}
			defer dir.Close()
			entry, err := dir.Entry(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			defer entry.Close()
			return errors.Join(durable.EmptyIn(entry), dir.Remove(name))
		},
	} {
		t.Run(name, func(t *testing.T) { takesWhatIsHeldFast(t, discard) })
	}
}

func takesWhatIsHeldFast(t *testing.T, discard func(path string) error) {
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
