package syncs

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// fillings are how a disk becomes full after a step, below FILL: without an inode, and without a block.
var fillings = map[string]string{
	"inodes": "n=0; while :; do n=$((n+1)); : >FILL/$n; done",
	"blocks": "for size in 64K 1K; do n=0; while head -c $size /dev/zero >FILL/$size-$n; do n=$((n+1)); done; done 2>/dev/null; exit 1",
}

// TestPutBackOnAFullDisk: what a step has done is rolled back also where the disk became full after it.
func TestPutBackOnAFullDisk(t *testing.T) {
	need.Root(t, "it mounts a small disk")
	scratch, err := os.MkdirTemp("", "gwefull") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	gwe := filepath.Join(scratch, "gwe")
	do(t, "go", "build", "-o", gwe, "github.com/gwe-project/gwe/cmd/gwe")
	for kind, filling := range fillings {
		for _, apart := range []bool{false, true} {
			for _, one := range samples {
				t.Run(fmt.Sprintf("%s, state apart %v, %s", kind, apart, one.name), func(t *testing.T) {
					f := full{sample: one, disk: disk(t, scratch), gwe: gwe, filling: filling}
					f.state = filepath.Join(f.disk, "state")
					if apart {
						f.state = t.TempDir()
					}
					f.try(t)
				})
			}
		}
	}
}

func do(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := exec.Command(arguments[0], arguments[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", arguments, err, output)
	}
}

// disk mounts a small one for a test.
func disk(t *testing.T, scratch string) string {
	t.Helper()
	image, mounted := filepath.Join(scratch, "image"), filepath.Join(scratch, "d")
	do(t, "truncate", "-s", "24M", image)
	do(t, "mkfs.ext4", "-q", "-F", "-m", "0", "-N", "256", image)
	do(t, "mkdir", "-p", mounted)
	do(t, "mount", "-o", "loop", image, mounted)
	t.Cleanup(func() {
		do(t, "umount", mounted)
		do(t, "rm", image)
	})
	return mounted
}

// full is a step on a disk that becomes full.
type full struct {
	sample
	disk, state, gwe, filling string
}

func (f full) try(t *testing.T) {
	shared, s := filepath.Join(f.disk, "s"), site{root: filepath.Join(f.disk, "r")}
	s.shared = shared
	s.check(pack(shared))
	s.check(os.Mkdir(s.root, 0o755))
	s.check(os.Mkdir(filepath.Join(f.disk, "fill"), 0o755))
	if f.arrange != nil {
		f.arrange(&s)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	if s.daemon != "" {
		end, err := supervise(s)
		if err != nil {
			t.Fatal(err)
		}
		defer end()
	}
	recipe := fmt.Sprintf("gwe: 1\nname: full\n%ssteps:\n  - %s\n  - run: { script: %q }\n    undo: none\n", f.head, f.step, f.filling)
	recipe = strings.NewReplacer("ROOT", s.root, "SHARED", shared, "FILL", filepath.Join(f.disk, "fill")).Replace(recipe)
	file := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(file, []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	before := picture(t, s.root)
	arguments := []string{"--state-dir", f.state, "run", file}
	if strings.Contains(f.head, "token") {
		arguments = append(arguments, "-i", "token=env:TOKEN")
	}
	command := exec.Command(f.gwe, arguments...)
	command.Env = append(os.Environ(), "TOKEN=secret")
	output, _ := command.CombinedOutput()
	if code := command.ProcessState.ExitCode(); code != exitPutBack {
		t.Errorf("it ended with %d, not with %d\n%s", code, exitPutBack, output)
	}
	if filled, err := os.ReadDir(filepath.Join(f.disk, "fill")); err != nil || len(filled) < 5 {
		t.Errorf("the disk did not become full: %d files, %v\n%s", len(filled), err, output)
	}
	if after := picture(t, s.root); after != before {
		t.Errorf("it is\n%s\nand was\n%s\n%s", after, before, output)
	}
}

// picture tells all below a directory, but for the times of directories and what a daemon writes.
func picture(t *testing.T, root string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() == "log" {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprint(path, " ", info.Mode())
		if !info.IsDir() {
			line += fmt.Sprint(" ", info.ModTime().UnixNano())
		}
		text, _ := os.Readlink(path)
		content, _ := os.ReadFile(path)
		lines = append(lines, fmt.Sprintf("%s %s %q", line, text, content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
