package openat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// stranger is a user who is neither root nor the one that runs the tests.
const stranger = 65534

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes directories, "NAME -> TEXT" links and files; "@" before a name gives it to the stranger.
func tree(t *testing.T, entries ...string) string {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	for _, one := range entries {
		one, theirs := strings.CutPrefix(one, "@")
		name, text, link := strings.Cut(one, " -> ")
		path := filepath.Join(base, name)
		switch {
		case link:
			check(t, os.Symlink(strings.ReplaceAll(text, "BASE", base), path))
		case strings.HasSuffix(name, "/"):
			check(t, os.MkdirAll(path, 0o755))
		default:
			check(t, os.WriteFile(path, []byte(name), 0o600))
		}
		if theirs {
			check(t, os.Lchown(path, stranger, stranger))
		}
	}
	return base
}

func opened(t *testing.T, path string) *Dir {
	t.Helper()
	dir, err := Open(path)
	check(t, err)
	t.Cleanup(dir.Close)
	return dir
}

// Both ways to resolve a path: the kernel's own, and name by name.
func eachWay(t *testing.T, test func(t *testing.T, open func(string) (*Dir, error))) {
	t.Run("openat2", func(t *testing.T) { test(t, Open) })
	t.Run("walk", func(t *testing.T) {
		test(t, func(path string) (*Dir, error) {
			handle, _, err := walkFromRoot(path, true)
			if err != nil {
				return nil, err
			}
			return &Dir{handle: handle, path: path}, nil
		})
	})
}

func TestOpenFollowsTrustedLinks(t *testing.T) {
	base := tree(t, "r1/", "r1/etc/", "current -> r1", "far -> BASE/current", "up/", "up/link -> ../current/etc")
	eachWay(t, func(t *testing.T, open func(string) (*Dir, error)) {
		for path, real := range map[string]string{
			"r1": "r1", "current/etc": "r1/etc", "far/etc": "r1/etc", "up/link": "r1/etc", "r1/../current/": "r1",
		} {
			dir, err := open(base + "/" + path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if found, err := dir.Real(); err != nil || found != filepath.Join(base, real) {
				t.Errorf("%s leads to %s, %v", path, found, err)
			}
			dir.Close()
		}
	})
}

func TestOpenErrors(t *testing.T) {
	base := tree(t, "file", "loop -> loop", "dangling -> nowhere", "to-file -> file")
	eachWay(t, func(t *testing.T, open func(string) (*Dir, error)) {
		for path, want := range map[string]error{
			"nothing": fs.ErrNotExist, "nothing/below": fs.ErrNotExist, "file": unix.ENOTDIR, "file/below": unix.ENOTDIR,
			"loop": unix.ELOOP, "dangling": fs.ErrNotExist, "to-file": unix.ENOTDIR,
		} {
			if _, err := open(filepath.Join(base, path)); !errors.Is(err, want) {
				t.Errorf("%s: %v", path, err)
			}
		}
		for _, path := range []string{"/proc/self/root", "/proc/self/cwd", "/proc/self/fd/0"} {
			if _, err := open(path); !errors.Is(err, unix.ELOOP) {
				t.Errorf("%s: %v", path, err)
			}
		}
		dir, err := open("/proc/self")
		check(t, err)
		dir.Close()
	})
	if _, err := Open("relative"); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
}

// Where a less trusted user could have chosen where a link leads to, it may only lead to what is theirs.
func TestUnsafeLinks(t *testing.T) {
	need.Root(t, "it gives files to another user")
	for name, c := range map[string]struct {
		entries []string
		mode    fs.FileMode // of the directory d
		safe    bool
	}{
		"to root's":                      {entries: []string{"etc/", "@d/", "@d/link -> ../etc"}},
		"to root's, absolute":            {entries: []string{"etc/", "@d/", "@d/link -> BASE/etc"}},
		"root's link in their directory": {entries: []string{"etc/", "@d/", "d/link -> ../etc"}},
		"by two links":                   {entries: []string{"etc/", "@d/", "@d/one -> ../etc", "@d/link -> one"}},
		"by a link of root's outside":    {entries: []string{"etc/", "out -> etc", "@d/", "@d/link -> ../out"}},
		"to their own":                   {entries: []string{"@own/", "@d/", "@d/link -> ../own"}, safe: true},
		"root's link to their own":       {entries: []string{"@d/", "@d/own/", "d/link -> own"}, safe: true},
		"anybody can write":              {entries: []string{"etc/", "d/", "d/link -> ../etc"}, mode: 0o777},
		"anybody can write, theirs":      {entries: []string{"@own/", "d/", "@d/link -> ../own"}, mode: 0o777, safe: true},
		"sticky, root's link":            {entries: []string{"etc/", "d/", "d/link -> ../etc"}, mode: 0o777 | fs.ModeSticky, safe: true},
		"sticky, their link":             {entries: []string{"etc/", "d/", "@d/link -> ../etc"}, mode: 0o777 | fs.ModeSticky},
		"sticky, but theirs":             {entries: []string{"etc/", "@d/", "d/link -> ../etc"}, mode: 0o777 | fs.ModeSticky},
		"only root can write":            {entries: []string{"etc/", "d/", "d/link -> ../etc"}, mode: 0o755, safe: true},
		"their link in root's directory": {entries: []string{"etc/", "d/", "@d/link -> ../etc"}, mode: 0o755, safe: true},
	} {
		t.Run(name, func(t *testing.T) {
			base := tree(t, c.entries...)
			if c.mode != 0 {
				check(t, os.Chmod(filepath.Join(base, "d"), c.mode))
			}
			check(t, os.MkdirAll(filepath.Join(base, "etc/below"), 0o755))
			eachWay(t, func(t *testing.T, open func(string) (*Dir, error)) {
				dir, err := open(filepath.Join(base, "d/link"))
				dir.Close()
				why := fault.As(err)
				if c.safe && err != nil || !c.safe && (why == nil || why.Code != "unsafe-link" || why.Class != fault.Refused) {
					t.Fatal(err)
				}
				if !c.safe {
					if !strings.Contains(why.Message, filepath.Join(base, "d")) || why.Hint == "" {
						t.Errorf("%s; %s", why.Message, why.Hint)
					}
					if _, err := open(filepath.Join(base, "d/link/below")); fault.As(err) == nil {
						t.Errorf("below: %v", err)
					}
				}
			})
		})
	}
}

func TestGroupsThatCanWrite(t *testing.T) {
	need.Root(t, "it gives files to another user")
	for _, gid := range []int{0, stranger} {
		base := tree(t, "etc/", "d/", "d/link -> ../etc")
		check(t, os.Chown(filepath.Join(base, "d"), 0, gid))
		check(t, os.Chmod(filepath.Join(base, "d"), 0o775))
		dir, err := Open(filepath.Join(base, "d/link"))
		dir.Close()
		if (err == nil) != (gid == 0) {
			t.Errorf("group %d: %v", gid, err)
		}
	}
}

// An access control list may let a user write whom the mode does not show.
func TestAccessControlLists(t *testing.T) {
	need.Root(t, "it gives files of root an access list for others")
	base := tree(t, "etc/", "d/", "d/link -> ../etc")
	list := "\x02\x00\x00\x00"
	for _, e := range []struct {
		tag, permissions uint16
		id               uint32
	}{{1, 7, 0xffffffff}, {2, 7, stranger}, {4, 5, 0xffffffff}, {0x10, 7, 0xffffffff}, {0x20, 5, 0xffffffff}} {
		list += string([]byte{byte(e.tag), 0, byte(e.permissions), 0, byte(e.id), byte(e.id >> 8), byte(e.id >> 16), byte(e.id >> 24)})
	}
	check(t, unix.Setxattr(filepath.Join(base, "d"), "system.posix_acl_access", []byte(list), 0))
	if _, err := Open(filepath.Join(base, "d/link")); fault.As(err) == nil {
		t.Error(err)
	}
}

// What was opened stays what it was, whatever its name leads to by then; no method follows a link at its
// name.
func TestNothingIsFollowed(t *testing.T) {
	need.Root(t, "it sets an attribute of the namespace trusted")
	base := tree(t, "etc/", "etc/shadow", "d/")
	dir := opened(t, base+"/d")
	check(t, os.Rename(base+"/d", base+"/away"))
	check(t, os.Symlink("etc", base+"/d"))
	check(t, dir.Symlink("../etc/shadow", "link"))
	if found, err := os.Readlink(base + "/away/link"); err != nil || found != "../etc/shadow" {
		t.Fatal(found, err)
	}
	if _, err := dir.Open("link"); fault.As(err) == nil {
		t.Errorf("Open: %v", err)
	}
	if _, err := dir.Create("link", 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create: %v", err)
	}
	if _, err := dir.Sub("link"); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("Sub: %v", err)
	}
	entry, err := dir.Entry("link")
	check(t, err)
	defer entry.Close()
	check(t, entry.Chown(stranger, stranger))
	check(t, entry.Utimes(unix.Timespec{Sec: 1}, unix.Timespec{Sec: 1}))
	if err := entry.Chmod(0o777); err == nil {
		t.Log("this file system has modes of links")
	}
	check(t, entry.Attributes().Set("trusted.gwe", []byte("x")))
	if names, err := entry.Attributes().Names(); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
	check(t, entry.Attributes().Remove("trusted.gwe"))
	check(t, dir.Link("link", dir, "second"))
	if info, err := dir.Lstat("second"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error(info, err)
	}
	check(t, dir.RemoveAll("second"))
	check(t, dir.RemoveAll("link"))
	info, err := os.Lstat(base + "/etc/shadow")
	check(t, err)
	if info.Mode() != 0o600 || time.Since(info.ModTime()) > time.Hour {
		t.Error(info.Mode(), info.ModTime())
	}
	var now unix.Stat_t
	check(t, unix.Lstat(base+"/etc/shadow", &now))
	if now.Uid != uint32(os.Geteuid()) {
		t.Error(now.Uid)
	}
	for _, name := range []string{"", ".", "..", "a/b", "../etc/shadow"} {
		if _, err := dir.Entry(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A FIFO in the place of a file does not block, and a device is not opened.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	base := tree(t, "d/", "d/file")
	dir := opened(t, base+"/d")
	check(t, dir.Mknod("fifo", unix.S_IFIFO|0o600, 0))
	for _, name := range []string{"fifo"} {
		if _, err := dir.Open(name); fault.As(err) == nil || fault.As(err).Code != "not-a-regular-file" {
			t.Errorf("%s: %v", name, err)
		}
	}
	file, err := dir.Open("file")
	check(t, err)
	defer file.Close()
	text := make([]byte, 6)
	if _, err := file.Read(text); err != nil || string(text) != "d/file" {
		t.Error(string(text), err)
	}
}

func TestEntryChanges(t *testing.T) {
	owner := stranger
	if os.Geteuid() != 0 {
		owner = os.Geteuid() // the only user that an ordinary one may give a file to
	}
	base := tree(t, "d/", "d/file", "d/sub/")
	dir := opened(t, base+"/d")
	for _, name := range []string{"file", "sub"} {
		entry, err := dir.Entry(name)
		check(t, err)
		check(t, os.Rename(base+"/d/"+name, base+"/d/"+name+"-2"))
		check(t, entry.Chown(owner, -1))
		check(t, entry.Chmod(0o4711))
		check(t, entry.Utimes(unix.Timespec{Sec: 5}, unix.Timespec{Sec: 7}))
		status, err := dir.Stat(name + "-2")
		check(t, err)
		if status.Uid != uint32(owner) || status.Mode&0o7777 != 0o4711 || status.Mtim.Sec != 7 {
			t.Errorf("%s: %+v", name, status)
		}
		was, err := entry.Identity()
		check(t, err)
		if is, err := dir.IdentityOf(name + "-2"); err != nil || !is.Is(was) {
			t.Error(is, was, err)
		}
		entry.Close()
	}
}

func TestRenames(t *testing.T) {
	base := tree(t, "a/", "b/", "a/one", "b/two")
	a, b := opened(t, base+"/a"), opened(t, base+"/b")
	if err := a.RenameNoReplace("one", b, "two"); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), base+"/b/two") {
		t.Error(err)
	}
	if err := a.claim("one", b, "two"); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	check(t, a.claim("one", b, "three"))
	check(t, b.Exchange("two", b, "three"))
	if text, _ := os.ReadFile(base + "/b/two"); string(text) != "a/one" {
		t.Error(string(text))
	}
	check(t, b.Rename("two", b, "three"))
	if names, err := b.Names(); err != nil || fmt.Sprint(names) != "[three]" {
		t.Error(names, err)
	}
	check(t, a.Mkdir("dir", 0o755))
	check(t, a.claim("dir", b, "dir"))
	check(t, b.Remove("dir"))
}
