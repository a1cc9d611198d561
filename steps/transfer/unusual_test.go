package transfer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// capability is what setcap cap_net_raw+ep writes (vfs_cap_data of linux/capability.h, version 2).
const capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// unusual makes what trees of firmware seldom hold, and sometimes do.
func unusual(t testing.TB, root string) {
	t.Helper()
	long := strings.Repeat("n", 255)
	plant(t, root, map[string]string{
		"open/everything": "7777", "closed/nothing": "000", "closed/inner/": "", "setuid": "su", "capable": "ping", long + "/" + long: "long",
		"early": "before the first day", "linked/one": "file", "skipped/x.tmp": "excluded", "linked/y.tmp": "excluded",
	})
	at := func(name string) string { return root + "/" + name }
	for _, kind := range []uint32{unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFBLK} {
		check(t, unix.Mknod(at(fmt.Sprintf("node-%o", kind)), kind|0o640, int(unix.Mkdev(259, 0x12345))))
	}
	check(t, os.Symlink("nowhere", at("link")))
	check(t, os.Link(at("link"), at("linked/link-again")))
	check(t, os.Link(at(fmt.Sprintf("node-%o", unix.S_IFIFO)), at("linked/fifo-again")))
	check(t, os.Link(at("linked/one"), at("skipped/one-again")))
	check(t, os.Link(at("skipped/x.tmp"), at("linked/x-again"))) // its first name is excluded
	check(t, os.Lchown(at("setuid"), 12, 34))
	check(t, unix.Chmod(at("setuid"), 0o6755))
	check(t, unix.Setxattr(at("capable"), "security.capability", []byte(capability), 0))
	for name, mode := range map[string]uint32{"open/everything": 0o7777, "open": 0o7777, "closed/nothing": 0, "closed/inner": 0, "closed": 0} {
		check(t, unix.Chmod(at(name), mode))
	}
	for name, time := range map[string]unix.Timespec{
		"early": {Sec: -86400, Nsec: 999_999_999}, "link": {Sec: -1, Nsec: 1}, "open": {Sec: 0}, "closed": {Sec: -2_000_000_000, Nsec: 5}, "setuid": unix.NsecToTimespec(4_200_000_000*1e9 + 7),
	} {
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), []unix.Timespec{time, time}, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// TestUnusualTrees copies such a tree, updates and undoes, and wants what the source has and what rsync makes
// of it.
func TestUnusualTrees(t *testing.T) {
	need.Root(t, "its tree has devices, other owners, and entries without rights")
	base := t.TempDir()
	source, ours, theirs := base+"/source", base+"/ours", base+"/theirs"
	unusual(t, source)
	first := newFrame(t, arguments{Source: source, Target: ours})
	first.do()
	differ(t, "source", snapshot(t, source), snapshot(t, ours))
	realRsync(t, source+"/", theirs)
	differ(t, "rsync", snapshot(t, theirs), snapshot(t, ours))
	first.release()

	// Another tree is in the place, with the same names for other things, and the excluded ones stay.
	check(t, os.RemoveAll(source+"/early"))
	check(t, os.Mkdir(source+"/early", 0o700))
	check(t, os.Remove(source+"/linked/link-again"))
	check(t, unix.Chmod(source+"/closed/nothing", 0o7777))
	check(t, unix.Setxattr(source+"/capable", "security.capability", []byte(strings.Replace(capability, "\x20", "\x40", 1)), 0))
	check(t, os.WriteFile(source+"/setuid", []byte("other"), 0o755)) // a write takes the bits away
	before := snapshot(t, ours)
	update := newFrame(t, arguments{Source: source, Target: ours, Delete: true, Exclude: []string{"*.tmp"}})
	update.do()
	update.undo()
	differ(t, "undo", before, snapshot(t, ours))
	update.do()
	update.release() // what the undo would have needed are links too
	realRsync(t, "--delete", "--exclude=*.tmp", source+"/", theirs)
	differ(t, "update", snapshot(t, theirs), snapshot(t, ours))
}

// TestPathsBeyondTheLimit copies a tree that is deeper than a path can say, updates it and undoes.
func TestPathsBeyondTheLimit(t *testing.T) {
	base := t.TempDir()
	source, ours := base+"/source", base+"/ours"
	check(t, os.Mkdir(source, 0o755))
	const depth = 24
	name := strings.Repeat("d", 250)
	// deep opens the directory at the bottom, and makes the way to it where wanted.
	deep := func(root string, make bool) int {
		t.Helper()
		directory, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		check(t, err)
		for range depth {
			if make {
				check(t, unix.Mkdirat(directory, name, 0o755))
			}
			next, err := unix.Openat(directory, name, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			check(t, err)
			check(t, unix.Close(directory))
			directory = next
		}
		return directory
	}
	write := func(directory int, text string) {
		t.Helper()
		file, err := unix.Openat(directory, "f", unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		check(t, err)
		_, err = unix.Write(file, []byte(text))
		check(t, err)
		check(t, unix.Close(file))
	}
	read := func(root string) string {
		t.Helper()
		directory := deep(root, false)
		defer unix.Close(directory)
		file, err := unix.Openat(directory, "f", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		check(t, err)
		defer unix.Close(file)
		text := make([]byte, 100)
		count, err := unix.Read(file, text)
		check(t, err)
		return string(text[:count])
	}
	bottom := deep(source, true)
	defer unix.Close(bottom)
	write(bottom, "one")
	first := newFrame(t, arguments{Source: source, Target: ours})
	first.do()
	first.release()
	write(bottom, "another")
	update := newFrame(t, arguments{Source: source, Target: ours, Delete: true})
	update.do()
	if got := read(ours); got != "another" {
		t.Errorf("after the update the file has %q", got)
	}
	update.undo()
	if got := read(ours); got != "one" {
		t.Errorf("after the undo the file has %q", got)
	}
}

// disturbing is a context that does something when it is asked whether to stop, which a copy does in the
// middle of a file.
type disturbing struct {
	context.Context
	disturb func()
}

func (d disturbing) Err() error {
	d.disturb()
	return d.Context.Err()
}

// TestSourceThatChanges: a file that grows, shrinks or is written while it is copied is not taken for whole,
// and the target is as it was.
func TestSourceThatChanges(t *testing.T) {
	for name, change := range map[string]func(file *os.File) error{
		"grows":   func(file *os.File) error { return file.Truncate(4 << 20) },
		"shrinks": func(file *os.File) error { return file.Truncate(1) },
		"written": func(file *os.File) error { _, err := file.WriteAt([]byte("x"), 2<<20); return err },
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			plant(t, base, map[string]string{"source/big": strings.Repeat("0123456789abcdef", 3<<16), "ours/big": "old", "ours/kept": "kept"})
			before := snapshot(t, base+"/ours")
			f := newFrame(t, arguments{Source: base + "/source", Target: base + "/ours", Delete: true})
			file, err := os.OpenFile(base+"/source/big", os.O_RDWR, 0)
			check(t, err)
			defer file.Close()
			// It is changed as soon as there is something of the copy.
			copying := func() bool {
				files := 0
				_ = filepath.WalkDir(base, func(path string, entry os.DirEntry, err error) error {
					if info, failed := os.Lstat(path); failed == nil && strings.Contains(path, ".gwe-") && info.Mode().IsRegular() {
						files++
					}
					return err
				})
				return files > 0
			}
			changed := false
			_, err = f.try(disturbing{t.Context(), func() {
				if !changed && copying() {
					changed = true
					check(t, change(file))
				}
			}})
			if !changed || code(err) != "rsync-source-changed" {
				t.Errorf("changed %v: %v", changed, err)
			}
			f.undo()
			differ(t, "undo", before, snapshot(t, base+"/ours"))
		})
	}
}
