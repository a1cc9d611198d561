package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/durable/durabletest"
	"github.com/gwe-project/gwe/engine/need"
)

// scarce is a tree that a recipe changes by many step types, and a gwe that works on it under limits of its
// own.
type scarce struct {
	testing.TB
	gwe, root string
	// user is who gwe runs as; 0 is root.
	user   uint32
	limit  []string
	before map[string]string
}

// TestScarceResources: whatever a recovery, a rollback, a confirmation or a program of an undo lacks, and at
// whatever moment, nothing is spent: with enough of it the next recovery ends with the old version.
func TestScarceResources(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Fatal("prlimit is missing; on Debian: apt-get install util-linux")
	}
	directory := t.TempDir()
	check(t, os.Chmod(filepath.Dir(directory), 0o755))
	check(t, os.Chmod(directory, 0o755))
	gwe := filepath.Join(directory, "gwe")
	if said, err := exec.Command("go", "build", "-trimpath", "-o", gwe, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	place := func(t *testing.T, name string) *scarce {
		s := &scarce{TB: t, gwe: gwe, root: filepath.Join(directory, name)}
		check(t, os.Mkdir(s.root, 0o755))
		s.layOut(s.root)
		return s
	}
	for _, one := range []struct {
		limit  string
		values []int
		nobody bool
		code   int // 0 is any
		words  string
	}{
		{"nofile", []int{4, 8}, false, 0, ""},
		{"nofile", []int{12, 20, 63}, false, 6, "LimitNOFILE="},
		{"nproc", []int{3, 7, 9, 14}, true, 0, ""}, // Go itself may want more threads than these
		{"nproc", []int{18}, true, 6, "ulimit -u"},
		{"fsize", []int{0, 5000}, false, 0, ""},
		{"as", []int{100 << 20, 1300 << 20}, false, 0, ""},
		{"data", []int{40 << 20, 100 << 20}, false, 0, ""},
	} {
		for _, value := range one.values {
			t.Run(fmt.Sprintf("recover with --%s=%d", one.limit, value), func(t *testing.T) {
				t.Parallel()
				s := place(t, fmt.Sprint(one.limit, value))
				if one.nobody { // of its own, since the limit counts all processes of a user
					need.Root(t, "it runs gwe as somebody else")
					s.user = uint32(61000 + value)
				}
				s.dies("")
				s.limit = []string{fmt.Sprintf("--%s=%d", one.limit, value)}
				code, said := s.run("recover")
				s.limit = nil
				if one.code != 0 && (code != one.code || !strings.Contains(said, one.words)) {
					t.Errorf("it ended with %d:\n%s", code, said)
				}
				if code, said := s.run("status"); one.code != 0 && (code != 5 || !strings.Contains(said, one.words)) {
					t.Errorf("the status ended with %d:\n%s", code, said)
				}
				s.wantOld(code)
			})
		}
	}
	for _, files := range []int{8, 13, 14, 16, 18, 20} {
		t.Run(fmt.Sprintf("%d files in the middle of a recovery", files), func(t *testing.T) {
			t.Parallel()
			s := place(t, fmt.Sprint("middle", files))
			s.dies(fmt.Sprintf("[ -e %s/lifted ] || prlimit --pid $PPID --nofile=%d:%d", s.root, files, files))
			code, said := s.run("recover")
			if code != 5 || !strings.Contains(said, "cannot undo now") || !strings.Contains(said, "LimitNOFILE=") {
				t.Errorf("it ended with %d:\n%s", code, said)
			}
			check(t, os.WriteFile(s.root+"/lifted", nil, 0o644))
			if code, said := s.run("status"); code != 5 || !strings.Contains(said, "cannot undo now") {
				t.Errorf("the status ended with %d:\n%s", code, said)
			}
			s.wantOld(code)
		})
	}
	t.Run("files that are open already", func(t *testing.T) {
		t.Parallel()
		s := place(t, "inherited")
		s.dies("")
		s.limit = []string{"--nofile=64"}
		command := s.command("recover")
		for range 35 {
			command.ExtraFiles = append(command.ExtraFiles, os.Stdin)
		}
		if said, _ := command.CombinedOutput(); command.ProcessState.ExitCode() != 6 || !strings.Contains(string(said), "more files can be opened") {
			t.Errorf("it ended with %d:\n%s", command.ProcessState.ExitCode(), said)
		}
		s.limit = nil
		s.wantOld(6)
	})
	t.Run("words of an operator", func(t *testing.T) {
		t.Parallel()
		s := place(t, "words")
		s.recipe("  - confirm: { within: 1h }\n")
		few := func(command ...string) {
			t.Helper()
			s.limit = []string{"--nofile=30"}
			if code, said := s.run(command...); code != 6 || !strings.Contains(said, "LimitNOFILE=") {
				t.Errorf("%v ended with %d:\n%s", command, code, said)
			}
			s.limit = nil
		}
		s.wants(75, "run", s.root+"/r.yaml")
		few("confirm")
		few("cancel")
		s.wants(75, "recover")
		s.wants(0, "confirm")
		few("rollback")
		few("rollback", "--dry-run")
		s.wants(0, "rollback")
		s.wantOld(0)
	})
	t.Run("a journal that cannot be written once the deadline has passed", func(t *testing.T) {
		t.Parallel()
		s := place(t, "unwritable")
		s.recipe("  - confirm: { within: 1s }\n")
		s.wants(75, "run", s.root+"/r.yaml")
		time.Sleep(1100 * time.Millisecond)
		s.limit = []string{"--fsize=4096"}
		s.wants(5, "recover")
		s.limit = nil
		s.wants(5, "status")
		s.wants(0, "recover")
		s.wants(0, "status")
		s.wantOld(0)
	})
	for name, wait := range map[string]string{"confirmation": "confirm: { within: 5s }", "reboot": "reboot: { command: ['true'], within: 5s }"} {
		t.Run("a full disk on probation: "+name, func(t *testing.T) {
			t.Parallel()
			disk := durabletest.NewDisk(t, 24)
			s := &scarce{TB: t, gwe: gwe, root: disk.Directory}
			s.layOut(disk.Directory)
			s.recipe("  - " + wait + "\n")
			s.wants(75, "run", s.root+"/r.yaml")
			disk.Fill()
			for range 3 {
				if code, said := s.run("recover"); code != 75 && code != 0 {
					t.Errorf("a recovery while it waits ended with %d:\n%s", code, said)
				}
			}
			disk.Cut()
			time.Sleep(5 * time.Second)
			s.wants(0, "recover")
			s.wantOld(0)
		})
	}
}

// layOut makes what the recipe changes.
func (s *scarce) layOut(directory string) {
	s.Helper()
	for _, name := range []string{"d/tree", "d/release", "src"} {
		check(s, os.MkdirAll(filepath.Join(directory, name), 0o755))
	}
	for name, text := range map[string]string{"d/tree/1": "one", "d/tree/2": "two", "d/a": "old", "d/b": "old", "d/gone": "there", "src/2": "new", "src/9": "new", "d/release/f": "f"} {
		check(s, os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644))
	}
	check(s, os.Symlink("tree", filepath.Join(directory, "d/current")))
}

// recipe writes the recipe, and notes how the tree is before it runs.
func (s *scarce) recipe(tail string) {
	s.Helper()
	check(s, os.WriteFile(s.root+"/r.yaml", []byte(strings.ReplaceAll(`gwe: 1
name: scarce
lock: [W/d]
steps:
  - write: { path: W/d/a, content: new }
  - chmod: { path: W/d/b, mode: "0600" }
  - rsync: { source: W/src/, target: W/d/tree }
  - mkdir: { path: W/d/new/deep, parents: true }
  - copy: { from: W/src/9, to: W/d/copied }
  - move: { from: W/d/copied, to: W/d/moved }
  - swap-link: { link: W/d/current, to: W/d/release }
  - symlink: { link: W/d/link, to: release }
  - remove: { path: W/d/gone }
  - run: { script: 'echo new > W/d/b' }
    undo:
      - run: { script: 'printf old > W/d/b' }
    undo-last:
      - run: { script: 'echo told > W/told' }
`, "W", s.root)+tail), 0o644))
	if s.user != 0 {
		check(s, exec.Command("chown", "-R", fmt.Sprintf("%d:%d", s.user, s.user), s.root).Run())
	}
	s.before = treeOf(s.TB, s.root+"/d")
}

// dies runs the recipe until gwe is killed. undo is what the newest step's undo does.
func (s *scarce) dies(undo string) {
	s.Helper()
	tail := "  - run: { script: 'kill -9 $PPID; sleep 5' }\n    undo: none\n"
	if undo != "" {
		tail = "  - run: { script: 'true' }\n    undo: [{ run: { script: '" + undo + "' } }]\n" + tail
	}
	s.recipe(tail)
	s.wants(137, "run", s.root+"/r.yaml")
}

func (s *scarce) command(arguments ...string) *exec.Cmd {
	line := append(append([]string{"prlimit"}, s.limit...), append([]string{s.gwe, "--state-dir", s.root + "/state"}, arguments...)...)
	command := exec.CommandContext(s.Context(), line[0], line[1:]...)
	command.Dir, command.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.root, "NO_COLOR=1", "GWE_VOLATILE_STATE=accept"}
	if s.user != 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.user, Gid: s.user}}
	} else { // one that cannot write what it locks locks everything
		command.Env = append(command.Env, "GWE_LOCK_DIR="+s.root+"/meet")
	}
	return command
}

func (s *scarce) run(arguments ...string) (code int, said string) {
	command := s.command(arguments...)
	output, _ := command.CombinedOutput()
	code = command.ProcessState.ExitCode()
	if status := command.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return code, string(output)
}

func (s *scarce) wants(code int, arguments ...string) {
	s.Helper()
	if got, said := s.run(arguments...); got != code {
		s.Fatalf("%v ended with %d, not with %d:\n%s", arguments, got, code, said)
	}
}

// wantOld lets a recovery have enough, after one that ended with code, and compares the tree. A 0 was the end
// already.
func (s *scarce) wantOld(code int) {
	s.Helper()
	s.wants(0, "recover")
	after := treeOf(s.TB, s.root+"/d")
	for path, was := range s.before {
		if after[path] != was {
			s.Errorf("after %d, %s is %q and was %q", code, path, after[path], was)
		}
	}
	for path := range after {
		if _, was := s.before[path]; !was {
			s.Errorf("after %d, %s is left", code, path)
		}
	}
	if _, err := os.Stat(s.root + "/told"); err != nil {
		s.Errorf("after %d, undo-last has not run", code)
	}
	s.wants(0, "status")
}

// treeOf reads the modes and contents of a tree.
func treeOf(t testing.TB, directory string) map[string]string {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		case info.Mode()&os.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " " + to
		}
		found[path] = text
		return nil
	}))
	return found
}
