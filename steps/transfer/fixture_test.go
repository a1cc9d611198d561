package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return ""
}

// snapshot tells everything of a tree that a copy has to keep, by path. Hard links show as the first name of their file;
// counts of links are told where nothing outside the tree has one.
func snapshot(t testing.TB, root string) map[string]string {
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
			folder, err := os.Open(path)
			check(t, err)
			names, err := folder.Readdirnames(-1)
			check(t, err)
			check(t, folder.Close())
			slices.Sort(names)
			for _, name := range names {
				visit(below(way, name))
			}
		}
	}
	visit("")
	return found
}

// differ fails the test where two snapshots are not the same.
func differ(t testing.TB, what string, want, got map[string]string) {
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

// realRsync runs the real program, -aHAXS with times compared to the nanosecond.
func realRsync(t testing.TB, arguments ...string) {
	t.Helper()
	said, err := exec.Command("rsync", append([]string{"-aHAXS", "--modify-window=-1"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("rsync %q: %v\n%s", arguments, err, said)
	}
}

// copied is an independent copy of a tree, holes, links and all.
func copied(t testing.TB, from, to string) {
	t.Helper()
	if said, err := exec.Command("cp", "-a", "--reflink=never", "--sparse=auto", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, said)
	}
}

// frame is a step as the engine runs it.
type frame struct {
	testing.TB
	arguments arguments
	run       *step.Run
	memo      memo
	lines     *lines
}

// lines collects what a step writes to its log.
type lines struct{ all []string }

func (l *lines) Handle(event tasklog.Event) {
	switch event.Kind {
	case tasklog.Line:
		l.all = append(l.all, string(event.Level)+": "+event.Text)
	case tasklog.Progress:
		l.all = append(l.all, fmt.Sprintf("progress: %d of %d %s", event.Current, event.Total, event.Unit))
	}
}

func newFrame(t testing.TB, a arguments) *frame {
	t.Helper()
	collected := &lines{}
	return &frame{TB: t, arguments: a, lines: collected, run: &step.Run{
		ID: "20260102T030405Z-abcdef", Step: "tried", Machine: step.Local{}, Folder: t.TempDir(),
		Started: func(int) {}, Log: tasklog.Begin(collected, "step", "tried"),
		Leased: func(string) bool { return false },
	}}
}

// try prepares and does.
func (f *frame) try(ctx context.Context) (outputs, error) {
	f.Helper()
	var err error
	if f.memo, err = (rsync{}).Prepare(ctx, f.run, f.arguments); err != nil {
		return outputs{}, err
	}
	given, err := (rsync{}).Do(ctx, f.run, f.arguments, f.memo)
	if err == nil {
		err = (rsync{}).Sync(ctx, f.run, f.arguments, f.memo)
	}
	return given, err
}

func (f *frame) do() outputs {
	f.Helper()
	given, err := f.try(f.Context())
	if err != nil {
		f.Fatalf("%v\n%s", err, strings.Join(f.lines.all, "\n"))
	}
	return given
}

func (f *frame) undo() {
	f.Helper()
	check(f, rsync{}.Undo(f.Context(), f.run, f.arguments, f.memo))
}

func (f *frame) release() {
	f.Helper()
	check(f, rsync{}.Release(f.Context(), f.run, f.arguments, f.memo))
}

// grower makes random trees.
type grower struct {
	testing.TB
	*rand.Rand
	files []string
}

func newGrower(t testing.TB, seed uint64) *grower {
	return &grower{TB: t, Rand: rand.New(rand.NewPCG(seed, 1))}
}

func (g *grower) name() string {
	names := []string{"a", "b", "c.log", "d e", "new\nline", "bad\xff\xfe", "-dash", "ü", "*", "[x]", "back\\slash", "tab\t", "\"q\"", ".hidden", "cache", "x.pyc"}
	return names[g.IntN(len(names))]
}

// fill makes random entries in a folder.
func (g *grower) fill(folder string, depth int) {
	g.Helper()
	for range 3 + g.IntN(7) {
		path := folder + "/" + g.name()
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		g.entry(path, depth)
	}
}

func (g *grower) entry(path string, depth int) {
	g.Helper()
	switch kind := g.IntN(20); {
	case kind < 5 && depth > 0:
		check(g, os.Mkdir(path, 0o755))
		g.fill(path, depth-1)
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
	g.dress(path)
}

func (g *grower) content(path string) {
	g.Helper()
	content := make([]byte, []int{0, 1, 100, 5000, 300_000}[g.IntN(5)])
	for i := range content {
		content[i] = byte(g.Uint32())
	}
	check(g, os.WriteFile(path, content, 0o644))
}

// dress gives an entry random attributes.
func (g *grower) dress(path string) {
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
func (g *grower) stamp(path string) {
	g.Helper()
	at := unix.NsecToTimespec(1_500_000_000_000_000_000 + g.Int64N(1e17))
	check(g, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
}

// accessList is an access list as the kernel wants it: version 2, then tag, permissions and id of each entry. User 1000
// has what is given. The group has 5; where the mask was 5 too, the real rsync would copy the group's entry as 0.
func accessList(user, mask uint16) []byte {
	list := []byte{2, 0, 0, 0}
	for _, entry := range [][3]uint32{{1, 7, 1<<32 - 1}, {2, uint32(user), 1000}, {4, 5, 1<<32 - 1}, {16, uint32(mask), 1<<32 - 1}, {32, 4, 1<<32 - 1}} {
		list = append(list, byte(entry[0]), 0, byte(entry[1]), 0, byte(entry[2]), byte(entry[2]>>8), byte(entry[2]>>16), byte(entry[2]>>24))
	}
	return list
}

// mutate changes a tree at random: contents, attributes, kinds, names.
func (g *grower) mutate(root string) {
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
			g.dress(path)
		case 4:
			g.stamp(path)
		case 5:
			if info.IsDir() {
				g.fill(path, 1)
				g.stamp(path)
			}
		}
	}
	g.files = slices.DeleteFunc(g.files, func(path string) bool { _, err := os.Lstat(path); return err != nil })
}

// old is a time long ago, so that no test depends on the clock.
var old = time.Unix(1_600_000_000, 123_456_789)

// plant makes files by path and content; a path with a slash at its end is a folder.
func plant(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for way, content := range files {
		path := filepath.Join(root, way)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(way, "/") {
			check(t, os.MkdirAll(path, 0o755))
			continue
		}
		check(t, os.WriteFile(path, []byte(content), 0o644))
	}
	check(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, old, old))
	}))
}
