package steptest

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// levels times the length of a name is more than PATH_MAX.
const levels = 30

// DeepTree fills a directory with a tree that is deeper than any path may be (PATH_MAX, 4096 bytes). At its
// bottom are a file with two names, a symbolic link and an empty directory.
func DeepTree(t testing.TB, directory string) {
	t.Helper()
	dir, err := openat.Open(directory)
	must(t, err)
	name := strings.Repeat("d", 180)
	for range levels {
		must(t, dir.Mkdir(name, 0o755))
		below, err := dir.Sub(name)
		must(t, err)
		dir.Close()
		dir = below
	}
	defer dir.Close()
	file, err := dir.Create("file", 0o640)
	must(t, err)
	_, err = file.WriteString("deep")
	must(t, err)
	must(t, file.Close())
	must(t, dir.Link("file", dir, "other"))
	must(t, dir.Symlink("file", "link"))
	must(t, dir.Mkdir("empty", 0o750))
}

// DeepSnapshot describes all that is in a directory, however deep: one line an entry.
func DeepSnapshot(t testing.TB, directory string) string {
	t.Helper()
	dir, err := openat.Open(directory)
	must(t, err)
	defer dir.Close()
	var lines strings.Builder
	describe(t, dir, 0, &lines)
	return lines.String()
}

func describe(t testing.TB, dir *openat.Dir, depth int, lines *strings.Builder) {
	names, err := dir.Names()
	must(t, err)
	for _, name := range names {
		status, err := dir.Stat(name)
		must(t, err)
		fmt.Fprintf(lines, "%d %.20s %o %d:%d %d.%d", depth, name, status.Mode, status.Uid, status.Gid, status.Mtim.Sec, status.Mtim.Nsec)
		switch status.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			lines.WriteString("\n")
			below, err := dir.Sub(name)
			must(t, err)
			describe(t, below, depth+1, lines)
			below.Close()
			continue
		case unix.S_IFREG:
			file, err := dir.Open(name)
			must(t, err)
			text, err := io.ReadAll(file)
			must(t, err)
			must(t, file.Close())
			fmt.Fprintf(lines, " %d names %q", status.Nlink, text)
		case unix.S_IFLNK:
			text, err := dir.Readlink(name)
			must(t, err)
			fmt.Fprintf(lines, " -> %s", text)
		}
		lines.WriteString("\n")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
