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
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// snapshot describes every name below a folder: kind, mode, owner, time, content, target, and which names are one file.
func snapshot(t testing.TB, folder string) map[string]string {
	t.Helper()
	result, first := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var status unix.Stat_t
		if err := unix.Lstat(path, &status); err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
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
				line += " = " + first[status.Ino]
			}
		}
		result[name] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
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

// randomTree makes a tree of all that an archive may hold, with awkward names, modes, owners and times.
func randomTree(t testing.TB, folder string, random *rand.Rand) {
	t.Helper()
	names := []string{"plain", "with blank", "new\nline", "bad\xff\xfeutf8", "-dash", "ümlaut", "*", strings.Repeat("long", 60), "back\\slash", "quote\"'", ".hidden", "tab\t"}
	folders, files := []string{folder}, []string{}
	check(t, os.MkdirAll(folder, 0o755))
	for i := range 120 {
		parent := folders[random.IntN(len(folders))]
		path := filepath.Join(parent, fmt.Sprintf("%s%d", names[random.IntN(len(names))], i))
		if len(path)-len(folder) > 3000 {
			continue
		}
		switch kind := random.IntN(10); {
		case kind < 3:
			check(t, os.Mkdir(path, 0o755))
			folders = append(folders, path)
		case kind == 3:
			check(t, os.Symlink([]string{"plain", "nowhere/else", "./x", "back\\slash"}[random.IntN(4)], path))
			check(t, unix.Lchown(path, random.IntN(3000), random.IntN(3000)))
			setTime(t, path, random)
		case kind == 4 && len(files) > 0:
			check(t, os.Link(files[random.IntN(len(files))], path))
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
		check(t, unix.Chown(path, random.IntN(70_000), random.IntN(3_000_000)))
		check(t, unix.Chmod(path, []uint32{0o644, 0o755, 0o4755, 0o2755, 0o000, 0o400, 0o1777}[random.IntN(7)]))
		setTime(t, path, random)
	}
	for i := len(folders) - 1; i >= 0; i-- {
		check(t, unix.Chown(folders[i], random.IntN(3000), random.IntN(3000)))
		check(t, unix.Chmod(folders[i], []uint32{0o755, 0o700, 0o2775, 0o1777, 0o555, 0o000}[random.IntN(6)]))
		setTime(t, folders[i], random)
	}
}

func setTime(t testing.TB, path string, random *rand.Rand) {
	t.Helper()
	stamp := unix.NsecToTimespec(random.Int64N(2e18) - 2e17) // before 1970 too
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
