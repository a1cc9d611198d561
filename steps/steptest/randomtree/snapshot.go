package randomtree

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Snapshot tells everything of a tree that a copy has to keep, by path. Hard links show as the first name of
// their file; counts of links are told where nothing outside the tree has one.
func Snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	groups := map[uint64]string{}
	var visit func(way string)
	visit = func(way string) {
		path := root + "/" + way
		var status unix.Stat_t
		check(t, unix.Lstat(path, &status))
		var text strings.Builder
		fmt.Fprintf(&text, "%o %d:%d", status.Mode, status.Uid, status.Gid)
		if status.Mode&unix.S_IFMT != unix.S_IFDIR {
			if groups[status.Ino] == "" {
				groups[status.Ino] = way
			}
			fmt.Fprintf(&text, " links %d %q rdev %d size %d", status.Nlink, groups[status.Ino], status.Rdev, status.Size)
		}
		fmt.Fprintf(&text, " at %d.%09d", status.Mtim.Sec, status.Mtim.Nsec)
		switch status.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			content, err := os.ReadFile(path)
			check(t, err)
			fmt.Fprintf(&text, " %x", sha256.Sum256(content))
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			check(t, err)
			fmt.Fprintf(&text, " -> %q", target)
		}
		names := make([]byte, 64<<10)
		size, err := unix.Llistxattr(path, names)
		check(t, err)
		var keys []string
		for key := range strings.SplitSeq(string(names[:size]), "\x00") {
			if key != "" {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			content := make([]byte, 64<<10)
			size, err := unix.Lgetxattr(path, key, content)
			check(t, err)
			fmt.Fprintf(&text, " %s=%x", key, content[:size])
		}
		found[way] = text.String()
		if status.Mode&unix.S_IFMT == unix.S_IFDIR {
			directory, err := os.Open(path)
			check(t, err)
			names, err := directory.Readdirnames(-1)
			check(t, err)
			check(t, directory.Close())
			slices.Sort(names)
			for _, name := range names {
				visit(strings.TrimPrefix(way+"/"+name, "/"))
			}
		}
	}
	visit("")
	return found
}

// Differ fails the test where two snapshots are not the same.
func Differ(t testing.TB, what string, want, got map[string]string) {
	t.Helper()
	told := 0
	for way, text := range want {
		if got[way] != text {
			t.Errorf("%s: %q\n is   %s\n want %s", what, way, got[way], text)
			if told++; told > 8 {
				return
			}
		}
	}
	for way, text := range got {
		if want[way] == "" {
			t.Errorf("%s: %q is there and should not be: %s", what, way, text)
		}
	}
}
