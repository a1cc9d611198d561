package randomtree

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// Grower makes random trees.
type Grower struct {
	testing.TB
	*rand.Rand
	files []string
}

// New makes a grower; the same seed grows the same tree.
func New(t testing.TB, seed uint64) *Grower {
	t.Helper()
	need.Root(t, "its random trees have devices, other owners, and entries without rights")
	return &Grower{TB: t, Rand: rand.New(rand.NewPCG(seed, 1))}
}

func (g *Grower) name() string {
	names := []string{"a", "b", "c.log", "d e", "new\nline", "bad\xff\xfe", "-dash", "ü", "*", "[x]", "back\\slash", "tab\t", "\"q\"", ".hidden", "cache", "x.pyc"}
	return names[g.IntN(len(names))]
}

// Fill makes random entries in a directory.
func (g *Grower) Fill(directory string, depth int) {
	g.Helper()
	for range 3 + g.IntN(7) {
		path := directory + "/" + g.name()
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		g.entry(path, depth)
	}
}

func (g *Grower) entry(path string, depth int) {
	g.Helper()
	switch kind := g.IntN(20); {
	case kind < 5 && depth > 0:
		check(g, os.Mkdir(path, 0o755))
		g.Fill(path, depth-1)
	case kind < 7:
		check(g, os.Symlink([]string{"a", "../b", "/nowhere", "bad\xff"}[g.IntN(4)], path))
	case kind == 7:
		check(g, unix.Mknod(path, []uint32{unix.S_IFIFO, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFSOCK}[g.IntN(4)]|0o600, g.IntN(3)<<8|g.IntN(5)))
	case kind < 11 && len(g.files) > 0:
		if err := os.Link(g.files[g.IntN(len(g.files))], path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			g.Fatal(err)
		}
		return // its attributes are those of the file
	case kind == 11:
		file, err := os.Create(path)
		check(g, err)
		for range g.IntN(3) {
			_, err := file.WriteAt([]byte("data"), int64(g.IntN(1<<20)))
			check(g, err)
		}
		check(g, errors.Join(file.Truncate(int64(1<<20+g.IntN(1<<16))), file.Close()))
	default:
		g.content(path)
	}
	if info, err := os.Lstat(path); err == nil && !info.IsDir() {
		g.files = append(g.files, path)
	}
	g.Dress(path)
}

func (g *Grower) content(path string) {
	g.Helper()
	content := make([]byte, []int{0, 1, 100, 5000, 300_000}[g.IntN(5)])
	for i := range content {
		content[i] = byte(g.Uint32())
	}
	check(g, os.WriteFile(path, content, 0o644))
}

// Dress gives an entry random attributes.
func (g *Grower) Dress(path string) {
	g.Helper()
	info, err := os.Lstat(path)
	check(g, err)
	link := info.Mode()&fs.ModeSymlink != 0
	check(g, os.Lchown(path, g.IntN(3)*1000, g.IntN(3)*1000))
	if !link {
		_ = unix.Lremovexattr(path, "system.posix_acl_access") // or the mode would change its mask
		mode := uint32(g.IntN(0o10000))
		check(g, unix.Chmod(path, mode))
	}
	if g.IntN(3) == 0 {
		for range 1 + g.IntN(3) {
			key := fmt.Sprintf("trusted.k%d", g.IntN(4))
			if info.Mode().IsRegular() || info.IsDir() {
				key = fmt.Sprintf("%s.k%d", []string{"user", "trusted"}[g.IntN(2)], g.IntN(4))
			}
			check(g, unix.Lsetxattr(path, key, fmt.Appendf(nil, "v\x00%d", g.IntN(3)), 0))
		}
	}
	if !link && g.IntN(6) == 0 {
		check(g, unix.Lsetxattr(path, "system.posix_acl_access", accessList(uint16(g.IntN(8)), []uint16{0, 1, 4, 6, 7}[g.IntN(5)]), 0))
	}
	if info.IsDir() && g.IntN(6) == 0 {
		check(g, unix.Lsetxattr(path, "system.posix_acl_default", accessList(5, 7), 0))
	}
	g.stamp(path)
}

// stamp sets a random time.
func (g *Grower) stamp(path string) {
	g.Helper()
	at := unix.NsecToTimespec(1_500_000_000_000_000_000 + g.Int64N(1e17))
	check(g, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
}

// accessList is an access list as the kernel wants it: version 2, then tag, permissions and id of each entry.
// User 1000 has what is given. The group has 5; where the mask was 5 too, the real rsync would copy the
// group's entry as 0.
func accessList(user, mask uint16) []byte {
	list := []byte{2, 0, 0, 0}
	for _, entry := range [][3]uint32{{1, 7, 1<<32 - 1}, {2, uint32(user), 1000}, {4, 5, 1<<32 - 1}, {16, uint32(mask), 1<<32 - 1}, {32, 4, 1<<32 - 1}} {
		list = append(list, byte(entry[0]), 0, byte(entry[1]), 0, byte(entry[2]), byte(entry[2]>>8), byte(entry[2]>>16), byte(entry[2]>>24))
	}
	return list
}

// Mutate changes a tree at random: contents, attributes, kinds, names.
func (g *Grower) Mutate(root string) {
	g.Helper()
	var all []string
	check(g, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if path != root {
			all = append(all, path)
		}
		return err
	}))
	for _, path := range all {
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		switch g.IntN(12) {
		case 0:
			check(g, os.RemoveAll(path))
		case 1:
			check(g, os.RemoveAll(path))
			g.entry(path, 1)
		case 2:
			if info.Mode().IsRegular() {
				g.content(path)
				g.stamp(path)
			}
		case 3:
			g.Dress(path)
		case 4:
			g.stamp(path)
		case 5:
			if info.IsDir() {
				g.Fill(path, 1)
				g.stamp(path)
			}
		}
	}
	g.files = slices.DeleteFunc(g.files, func(path string) bool { _, err := os.Lstat(path); return err != nil })
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
