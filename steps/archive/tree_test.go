package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// snapshot describes every name below a directory: kind, mode, owner, time, content, target, extended
// attributes, which names are one file, and how many there are.
func snapshot(t testing.TB, directory string) map[string]string {
	t.Helper()
	result, first := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(directory, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var status unix.Stat_t
		if err := unix.Lstat(path, &status); err != nil {
			return err
		}
		name, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%o %d:%d %d.%09d", status.Mode, status.Uid, status.Gid, status.Mtim.Sec, status.Mtim.Nsec)
		switch status.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		case unix.S_IFREG:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			line += fmt.Sprintf(" %d %s", status.Size, hex.EncodeToString(sum[:8]))
			if status.Nlink > 1 {
				if _, seen := first[status.Ino]; !seen {
					first[status.Ino] = name
				}
				line += fmt.Sprintf(" = %d %s", status.Nlink, first[status.Ino])
			}
		}
		line += extendedAt(t, path)
		result[name] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// extendedAt describes the extended attributes of a name.
func extendedAt(t testing.TB, path string) (line string) {
	t.Helper()
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(path, list)
	check(t, err)
	for _, name := range slices.Sorted(strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00")) {
		value := make([]byte, 4096)
		if name == "" {
			continue
		}
		n, err := unix.Lgetxattr(path, name, value)
		check(t, err)
		line += fmt.Sprintf(" %s=%x", name, value[:n])
	}
	return line
}

// sameTree fails the test where the trees differ.
func sameTree(t testing.TB, want, is map[string]string) {
	t.Helper()
	for name, line := range want {
		if is[name] != line {
			t.Errorf("%q: want %s\nis   %s", name, line, is[name])
		}
	}
	for name := range is {
		if _, wanted := want[name]; !wanted {
			t.Errorf("%q should not be there", name)
		}
	}
}

// plain is what the oldest formats can hold: short paths in which all is text, whole seconds since 1970,
// small numbers.
type plain bool

// randomTree makes a tree of all that an archive may hold, with awkward names, modes, owners and times.
func randomTree(t testing.TB, directory string, random *rand.Rand, simple plain) {
	t.Helper()
	names := []string{"plain", "with blank", "new\nline", "bad\xff\xfeutf8", "-dash", "ümlaut", "*", strings.Repeat("long", 60), "back\\slash", "quote\"'", ".hidden", "tab\t"}
	longest := 3000
	if simple {
		names = slices.DeleteFunc(names, func(name string) bool { return len(name) > 20 })
		longest = 80
	}
	directories, files := []string{directory}, []string{}
	check(t, os.MkdirAll(directory, 0o755))
	for i := range 120 {
		parent := directories[random.IntN(len(directories))]
		path := filepath.Join(parent, fmt.Sprintf("%s%d", names[random.IntN(len(names))], i))
		if len(path)-len(directory) > longest {
			continue
		}
		switch kind := random.IntN(10); {
		case kind < 3:
			check(t, os.Mkdir(path, 0o755))
			directories = append(directories, path)
		case kind == 3:
			check(t, os.Symlink([]string{"plain", "nowhere/else", "./x", "back\\slash"}[random.IntN(4)], path))
			check(t, unix.Lchown(path, random.IntN(3000), random.IntN(3000)))
			setTime(t, path, random, simple)
		case kind == 4 && len(files) > 0:
			check(t, os.Link(files[random.IntN(len(files))], path))
		case kind == 5:
			file, err := os.Create(path)
			check(t, err)
			check(t, file.Truncate(random.Int64N(1<<20)))
			_, err = file.WriteAt([]byte("after a hole"), random.Int64N(1<<20))
			check(t, err)
			check(t, file.Close())
			files = append(files, path)
		default:
			content := make([]byte, []int{0, 1, 511, 512, 513, 70_000, 600_000}[random.IntN(7)])
			for j := range content {
				content[j] = byte(random.Uint32())
			}
			check(t, os.WriteFile(path, content, 0o600))
			files = append(files, path)
		}
	}
	for _, path := range files {
		check(t, unix.Chown(path, random.IntN(70_000), random.IntN(2_000_000)))
		check(t, unix.Chmod(path, []uint32{0o644, 0o755, 0o4755, 0o2755, 0o000, 0o400, 0o1777}[random.IntN(7)]))
		giveExtended(t, path, random)
		setTime(t, path, random, simple)
	}
	for i := len(directories) - 1; i >= 0; i-- {
		check(t, unix.Chown(directories[i], random.IntN(3000), random.IntN(3000)))
		check(t, unix.Chmod(directories[i], []uint32{0o755, 0o700, 0o2775, 0o1777, 0o555, 0o000}[random.IntN(6)]))
		giveExtended(t, directories[i], random)
		setTime(t, directories[i], random, simple)
	}
}

// giveExtended gives every third name extended attributes, capabilities among them.
func giveExtended(t testing.TB, path string, random *rand.Rand) {
	t.Helper()
	if random.IntN(3) > 0 {
		return
	}
	check(t, unix.Lsetxattr(path, "user.a%b=c", []byte("with\x00NUL and \xff"), 0))
	check(t, unix.Lsetxattr(path, "trusted.t", []byte("\n"), 0))
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		check(t, unix.Lsetxattr(path, "security.capability", []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	}
}

func setTime(t testing.TB, path string, random *rand.Rand, simple plain) {
	t.Helper()
	stamp := unix.NsecToTimespec(random.Int64N(2e18) - 2e17) // before 1970 too
	if simple {
		stamp = unix.NsecToTimespec(random.Int64N(2e9) * 1e9)
	}
	check(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// command runs a program that must succeed.
func command(t testing.TB, name string, arguments ...string) {
	t.Helper()
	if output, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, arguments, err, output)
	}
}
