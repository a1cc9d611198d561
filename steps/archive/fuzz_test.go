package archive

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// FuzzExtract: whatever the tar, nothing is made outside, nothing that was there changes, and an error is a
// fault.
func FuzzExtract(f *testing.F) {
	need.Root(f, "it reads files without permissions")
	for _, one := range refused {
		f.Add(archiveOf(f, one.items...))
	}
	for _, archive := range ambiguous {
		f.Add(archive)
	}
	for seed := range uint64(50) {
		f.Add(oddArchive(rand.New(rand.NewPCG(seed, 8))))
	}
	f.Add(archiveOf(f, item{name: "fw/"}, file("fw/d/a"), hardLink("fw/b", "fw/d/a"), symlink("fw/c", "d/../b")))
	f.Fuzz(func(t *testing.T, archive []byte) {
		guarded(t, func(staging string, wanted options) error {
			_, _, err := extract(context.Background(), bytes.NewReader(archive), staging, wanted)
			return err
		})
	})
}

// FuzzZip: so is it for a zip, or whatever file is given for one, on the way that extract takes from the file
// on.
func FuzzZip(f *testing.F) {
	for name, one := range refused {
		if !notInForm("zip", name, one.code, one.items) {
			f.Add(zipOf(f, one.items...))
		}
	}
	whole := zipOf(f, item{name: "fw/"}, file("fw/d/a"), symlink("fw/c", "d/../b"))
	f.Add(whole)
	for _, cut := range []int{1, 4, 30, len(whole) / 2} {
		f.Add(whole[cut:])
		f.Add(whole[:len(whole)-cut])
	}
	f.Add(rawZip(
		zipEntry{name: "fw/\x81", content: "x", directory: unicodePath("fw/\x81", "fw/ü")},
		zipEntry{name: "fw/old", maker: madeByUnix, attributes: 0o100644 << 16, directory: field(fieldOwner2, ""), local: field(fieldOwner2, "\xe8\x03\xe9\x03")},
		zipEntry{name: "fw/older", maker: madeByMacOS, attributes: 0o100644 << 16, local: field(fieldOwner1, "12345678\xf5\x01\x14\x00")},
		zipEntry{name: "fw/read-only/", attributes: 0x11}))
	f.Add(append([]byte("#!/bin/sh\n"), whole...))
	f.Fuzz(func(t *testing.T, archive []byte) {
		path := filepath.Join(t.TempDir(), "archive")
		check(t, os.WriteFile(path, archive, 0o600))
		guarded(t, func(staging string, wanted options) error { return extractFile(path, staging, wanted) })
	})
}

// extractFile extracts a file that nobody vouches for, without the rest of a step.
func extractFile(path, staging string, wanted options) error {
	opened, err := bundle.Open(context.Background(), path)
	if err != nil {
		return err
	}
	defer opened.Close()
	pinned, err := opened.Unpinned()
	if err != nil {
		return err
	}
	source, done, err := streamed{pinned}.open(context.Background(), wanted)
	if err != nil {
		return err
	}
	defer done()
	_, _, err = extractFrom(context.Background(), source, staging, wanted)
	return err
}

// guarded extracts into a directory that lies in guarded ones: an entry that climbs out would land in one of
// them.
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
	for _, wanted := range []options{{oneTop: true}, {selection: selection{strip: 1}}} {
		wanted.limit, wanted.beside, wanted.shares = 1<<22, int(handle.Fd()), shares
		check(t, os.Mkdir(staging, 0o700))
		err = extract(staging, wanted)
		if err != nil && err != errLateCopies && fault.As(err) == nil {
			t.Errorf("the error is not a fault: %v", err)
		}
		check(t, os.RemoveAll(staging))
	}
	sameTree(t, before, snapshot(t, old))
	for directory, want := range map[string]int{base: 2, guard: 1} {
		if names, err := os.ReadDir(directory); err != nil || len(names) != want {
			t.Errorf("something was made outside: %v %v", names, err)
		}
	}
}
