package step

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/openat"
)

// A path that has more bytes than the kernel takes in one call (PATH_MAX, 4096) is resolved name by name, by
// the rule of package openat. Trees that deep are made by programs that work by descriptors, as rsync and tar
// do.

func longLstat(path string) (fs.FileInfo, error) {
	dir, name, err := openat.OpenParent(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Lstat(name)
}

func longReadLink(path string) (string, error) {
	dir, name, err := openat.OpenParent(path)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return dir.Readlink(name)
}

func longOpen(path string) (fs.File, error) {
	dir, name, err := openat.OpenParent(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Open(name)
}

func longReadDir(path string) ([]fs.DirEntry, error) {
	dir, err := openat.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	listing, err := dir.Read()
	if err != nil {
		return nil, err
	}
	defer listing.Close()
	entries, err := listing.ReadDir(-1)
	for i, entry := range entries {
		entries[i] = longEntry{entry, path}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// longEntry is an entry of a directory with a path that is too long for package os.
type longEntry struct {
	fs.DirEntry
	directory string
}

// Info implements fs.DirEntry.
func (e longEntry) Info() (fs.FileInfo, error) { return longLstat(e.directory + "/" + e.Name()) }
