package archive

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// FuzzExtract: whatever the archive, nothing is made outside, nothing that was there changes, and an error is a fault.
func FuzzExtract(f *testing.F) {
	for _, one := range refused {
		f.Add(archiveOf(f, one.items...))
	}
	f.Add(archiveOf(f, item{name: "fw/"}, file("fw/d/a"), hardLink("fw/b", "fw/d/a"), symlink("fw/c", "d/../b")))
	f.Fuzz(func(t *testing.T, archive []byte) {
		guarded(t, func(staging string, wanted options) error {
			_, _, err := extract(context.Background(), bytes.NewReader(archive), staging, wanted)
			return err
		})
	})
}

// guarded extracts into a folder that lies in guarded ones: an entry that climbs out would land in one of them.
func guarded(t *testing.T, extract func(staging string, wanted options) error) {
	base := t.TempDir()
	guard := filepath.Join(base, "guard")
	old := filepath.Join(guard, "old")
	check(t, os.MkdirAll(filepath.Join(old, "d"), 0o755))
	check(t, os.WriteFile(filepath.Join(old, "d", "a"), []byte("content of fw/d/a"), 0o644))
	check(t, os.Chtimes(filepath.Join(old, "d", "a"), time.Unix(1_000_000_000, 0), time.Unix(1_000_000_000, 0)))
	handle, err := os.Open(old)
	check(t, err)
	defer handle.Close()
	shares, err := newSharedList(filepath.Join(base, "linked"))
	check(t, err)
	defer shares.close()
	staging := filepath.Join(guard, "staging")
	before := snapshot(t, old)
	check(t, os.Mkdir(staging, 0o700))
	err = extract(staging, options{oneTop: true, limit: 1 << 22, beside: int(handle.Fd()), shares: shares})
	if err != nil && err != errLateCopies && fault.As(err) == nil {
		t.Errorf("the error is no fault: %v", err)
	}
	check(t, os.RemoveAll(staging))
	sameTree(t, before, snapshot(t, old))
	for folder, want := range map[string]int{base: 2, guard: 1} {
		if names, err := os.ReadDir(folder); err != nil || len(names) != want {
			t.Errorf("something was made outside: %v %v", names, err)
		}
	}
}
