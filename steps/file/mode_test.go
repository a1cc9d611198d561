package file

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestModesAreChmods tries modes on a file and a directory, and has the real chmod do the same.
func TestModesAreChmods(t *testing.T) {
	root := t.TempDir()
	paths := map[bool]string{false: filepath.Join(root, "file"), true: filepath.Join(root, "folder")}
	must(t, os.WriteFile(paths[false], nil, 0o600))
	must(t, os.Mkdir(paths[true], 0o700))
	for _, mode := range []string{
		"0644", "755", "4711", "2750", "1777", "u=rwX,go=rX", "a+x", "+X", "go-w", "u+s", "g+s,o-t", "+t", "-t", "a=rx", "u-rwx", "g=", "ug=rw,o=",
		"a=rwxst", "u=s", "o+s", "go=X", "+r,-w",
	} {
		change, err := parseModeChange(mode)
		must(t, err)
		for _, old := range []uint32{0o600, 0o755, 0o4755, 0o2770, 0o1777, 0o7777, 0o000, 0o6711} {
			for directory, path := range paths {
				must(t, syscall.Chmod(path, old))
				command := exec.Command("chmod", "--", mode, path)
				syscall.Umask(0)
				out, err := command.CombinedOutput()
				syscall.Umask(0o022)
				if err != nil {
					t.Fatal(string(out))
				}
				var status syscall.Stat_t
				must(t, syscall.Stat(path, &status))
				if want, got := status.Mode&0o7777, change.apply(old, directory); got != want {
					t.Errorf("%s on %04o (directory %v): %s, chmod says %s", mode, old, directory, fmt.Sprintf("%04o", got), fmt.Sprintf("%04o", want))
				}
			}
		}
	}
	for _, mode := range []string{"rw", "u~x", "0888", "77", "77777", "", "u=rwz", ",", "a+r,", "u=rw go=r"} {
		if _, err := parseModeChange(mode); err == nil {
			t.Errorf("%q was taken for a mode", mode)
		}
	}
}
