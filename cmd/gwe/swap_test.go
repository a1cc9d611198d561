package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/durable/durabletest"
	"github.com/gwe-project/gwe/engine/need"
)

// TestASwappingUser runs gwe in directories of a user without rights, whose process watches them by inotify
// and swaps names at each event, by itself: nothing of root's changes but what the recipe says, and what gwe
// says of the machine is so. GWE_SWAPS says how many attacks each recipe gets on each file system; `just
// swaps` makes it many.
func TestASwappingUser(t *testing.T) {
	need.Root(t, "a user without rights attacks it")
	attacks, seed := len(swapPhases), uint64(1)
	if text := os.Getenv("GWE_SWAPS"); text != "" {
		number, err := strconv.Atoi(text)
		check(t, err)
		attacks, seed = number, uint64(time.Now().UnixNano())
	}
	for name, place := range map[string]func(*swapScene){
		"ext4":      func(s *swapScene) { s.disk = durabletest.NewDisk(s, 64).Directory },
		"tmpfs":     func(s *swapScene) { s.disk = s.root + "/tmpfs"; s.mount(s.disk, "size=64m", 0) },
		"overlayfs": (*swapScene).overlay,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, recipe := range swappedRecipes() {
				t.Run(recipe.name, func(t *testing.T) {
					s := newSwapScene(t, recipe, place)
					random := rand.New(rand.NewPCG(seed, uint64(len(recipe.name))))
					codes := map[int]int{}
					for i := range attacks {
						mode, phase := swapModes[i%len(swapModes)], swapPhases[i%len(swapPhases)]
						if i >= len(swapPhases) {
							mode, phase = swapModes[random.IntN(len(swapModes))], swapPhases[random.IntN(len(swapPhases))]
						}
						if mode == "moved" && !slices.Contains(swapPhases[2:], phase) {
							phase = "recover" // what a run finds at its beginning is what it works in, whoever put it there
						}
						codes[s.attack(mode, phase, random)]++
						if t.Failed() {
							t.Fatalf("attack %d, seed %d: %s while %s", i, seed, mode, phase)
						}
					}
					t.Logf("%d events, %d swaps; ends by exit code: %v", s.events, s.swaps, codes)
				})
			}
		})
	}
}

var (
	swapModes  = []string{"parent", "leaf", "stay", "moved"}
	swapPhases = []string{"update", "failing", "rollback", "recover", "early"}
)

// overlay is an overlayfs. Its lower layer has the files as they were delivered, so that gwe's changes copy
// them up.
func (s *swapScene) overlay() {
	s.Helper()
	s.disk, s.layers = s.root+"/all", s.root+"/layers"
	s.mount(s.layers, "size=64m", 0)
	check(s, os.Mkdir(s.disk, 0o755))
	s.Cleanup(func() { _ = syscall.Unmount(s.disk, syscall.MNT_DETACH) })
}

// delivered makes the machine as it was on an overlayfs: below the new lower layer of a new mount.
func (s *swapScene) delivered() {
	s.Helper()
	if err := syscall.Unmount(s.disk, 0); err != nil && !errors.Is(err, syscall.EINVAL) {
		s.Fatal(err)
	}
	for _, name := range []string{"low", "high", "work"} {
		check(s, os.RemoveAll(filepath.Join(s.layers, name)))
		check(s, os.Mkdir(filepath.Join(s.layers, name), 0o755))
	}
	s.layOut(s.layers + "/low")
	check(s, syscall.Mount("overlay", s.disk, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/low,upperdir=%[1]s/high,workdir=%[1]s/work,redirect_dir=on", s.layers)))
}

// swapScene is a recipe on a file system.
type swapScene struct {
	*device
	recipe               swapped
	disk, layers         string
	work, victim, packed string
	attacker             string
	// old and new are WORK and OURS before and after the recipe; quiet is how many events there are without
	// an attack.
	old, new      map[string]string
	quiet         int
	events, swaps int
}

func newSwapScene(t *testing.T, recipe swapped, place func(*swapScene)) *swapScene {
	t.Helper()
	s := &swapScene{device: newDevice(t), recipe: recipe}
	place(s)
	s.packed = s.packItems("fw-2", item{name: "fw-2/"}, item{name: "fw-2/etc/"}, item{name: "fw-2/etc/app/"}, item{name: "fw-2/etc/app/a", content: "a"},
		item{name: "fw-2/etc/app/b", content: "b"}, item{name: "fw-2/.post-install", content: "#!/bin/sh\nexit 0\n", mode: 0o755})
	s.work, s.victim = s.disk+"/theirs/area/work", s.disk+"/victim"
	for at := s.disk; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		check(t, err)
		check(t, os.Chmod(at, info.Mode()|0o011))
	}
	s.attacker = s.root + "/bin/attacker"
	check(t, os.MkdirAll(filepath.Dir(s.attacker), 0o755))
	copyProgram(t, s.attacker)
	s.reset()
	s.old = s.trees()
	stop := s.begin("watch", 0, 0)
	s.run("run", s.yaml(false)).said(t, 0)
	s.quiet = stop()
	s.new = s.trees()
	if maps.Equal(s.old, s.new) {
		t.Fatal("the recipe changes nothing")
	}
	s.run("rollback").said(t, 0)
	s.same("after an undisturbed rollback", s.old)
	return s
}

// reset makes the machine as it was.
func (s *swapScene) reset() {
	s.Helper()
	marks, err := filepath.Glob(s.root + "/.gwe-unfinished-*")
	check(s, err)
	for _, path := range append(marks, s.state, s.root+"/locks") {
		check(s, os.RemoveAll(path))
	}
	if s.layers != "" {
		s.delivered()
		return
	}
	for _, name := range []string{"theirs", "ours", "victim", "victim-ours"} {
		check(s, os.RemoveAll(filepath.Join(s.disk, name)))
	}
	s.layOut(s.disk)
}

// layOut makes the directories of root's and of the attacker's.
func (s *swapScene) layOut(at string) {
	s.Helper()
	victim := at + "/victim"
	s.recipe.arrange(s.device, victim, at+"/victim-ours", s.packed)
	check(s, os.WriteFile(victim+"/secret", []byte("what only root may know"), 0o600))
	check(s, os.WriteFile(victim+"/shared", []byte("what everybody may write"), 0o666))
	check(s, os.Chmod(victim+"/shared", 0o666)) // the kernel lets others make hard links of such a file only
	s.recipe.arrange(s.device, at+"/theirs/area/work", at+"/ours", s.packed)
	check(s, os.Mkdir(at+"/theirs/stash", 0o755))
	s.giveAway(at + "/theirs")
}

func (s *swapScene) yaml(fails bool) string {
	s.Helper()
	return s.device.recipe(fmt.Sprintf("recipe-%v.yaml", fails), s.recipe.recipeOf(s.work, s.disk+"/ours", s.keys, fails))
}

func (s *swapScene) run(arguments ...string) outcome {
	s.Helper()
	return s.with("", arguments...)
}

// with runs gwe with one more variable.
func (s *swapScene) with(variable string, arguments ...string) outcome {
	s.Helper()
	command := s.command(arguments...)
	command.Env = append(command.Env, "GWE_LOCK_DIR="+s.root+"/locks", variable)
	return s.end(command)
}

// begin starts the attacker, who watches by then. stop ends the attack, and returns the number of events; it
// is negative if something could not be brought back.
func (s *swapScene) begin(mode string, seed, calm int) (stop func() int) {
	s.Helper()
	arguments := []string{mode, strconv.Itoa(seed), strconv.Itoa(calm), s.disk + "/theirs/stash", s.victim, s.work}
	for _, parent := range s.recipe.parents {
		arguments = append(arguments, filepath.Join(s.work, parent))
	}
	command := exec.Command(s.attacker, arguments...)
	command.Args[0] = "attacker"
	command.Env = []string{"GORACE=atexit_sleep_ms=0"}
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	var wrong bytes.Buffer
	command.Stderr = &wrong
	said, err := command.StdoutPipe()
	check(s, err)
	check(s, command.Start())
	lines := bufio.NewScanner(said)
	if !lines.Scan() || lines.Text() != "ready" {
		_ = command.Wait()
		s.Fatalf("the attacker does not begin: %q %s", lines.Text(), wrong.String())
	}
	return func() int {
		s.Helper()
		check(s, command.Process.Signal(syscall.SIGTERM))
		var events, swaps, lost int
		lines.Scan()
		_, err := fmt.Sscan(lines.Text(), &events, &swaps, &lost)
		if err := errors.Join(err, command.Wait()); err != nil {
			s.Fatalf("the attacker: %v %s", err, wrong.String())
		}
		s.events, s.swaps = s.events+events, s.swaps+swaps
		if lost > 0 {
			return -lost
		}
		return events
	}
}

// attack lets gwe do one thing under attack, and recover without. It returns the exit code of the first.
func (s *swapScene) attack(mode, phase string, random *rand.Rand) int {
	s.Helper()
	s.reset()
	victim := map[string]string{}
	s.see(victim, s.victim, true)
	s.see(victim, s.disk+"/victim-ours", true)
	arguments := []string{"run", s.yaml(phase == "failing")}
	switch phase {
	case "rollback":
		s.run(arguments...).said(s, 0)
		arguments = []string{"rollback"}
	case "recover", "early":
		s.with(fmt.Sprintf("GWE_TEST_DIE_AT=%d", 3+random.IntN(24)), arguments...)
		arguments = []string{"recover"}
		if phase == "early" {
			arguments = append(arguments, "--early")
		}
	}
	stop := s.begin(mode, random.IntN(1<<30), random.IntN(max(1, s.quiet)))
	ended := s.run(arguments...)
	lost := stop() < 0
	s.intact(victim, ended)
	recovered := s.run("recover")
	s.intact(victim, recovered)
	said := fmt.Sprintf("%s %s ended with %d:\n%s\nand the recovery with %d:\n%s", mode, phase, ended.code, ended.text, recovered.code, recovered.text)
	for _, one := range []outcome{ended, recovered} {
		if one.code == 1 || one.code >= 128 || strings.Contains(one.text, "panic") {
			s.Errorf("gwe broke: %s", said)
		}
	}
	s.judge(mode, phase, ended.code, recovered.code, lost, said)
	return ended.code
}

// judge compares the machine with what gwe said. What the attacker put into WORK and left there is the
// attacker's affair, so there only an attack that was brought back whole is judged; root's own directory
// always is.
func (s *swapScene) judge(mode, phase string, ended, recovered int, lost bool, said string) {
	s.Helper()
	now := s.trees()
	compared := func(tree map[string]string) map[string]string {
		if mode != "leaf" && !lost {
			return tree
		}
		ours := maps.Clone(tree)
		maps.DeleteFunc(ours, func(path, _ string) bool {
			return strings.HasPrefix(path, s.work) || strings.Contains(path, "/ours/mirror")
		})
		return ours
	}
	isOld, isNew := maps.Equal(compared(now), compared(s.old)), maps.Equal(compared(now), compared(s.new))
	wrong := ""
	switch {
	case mode != "leaf" && !lost && recovered != 0:
		wrong = "nothing stands in the way any more, and it does not recover"
	case recovered != 0: // what the attacker did in WORK may stand in the way for good
	case ended == 0 && (phase == "update" || phase == "failing") && !isNew:
		wrong = "it said done, and is not new"
	case ended == 0 && phase == "rollback" && !isOld:
		wrong = "it said rolled back, and is not old"
	case ended == 3 && !isOld, ended == 6 && phase != "rollback" && !isOld:
		wrong = "it said that all is undone, and is not old"
	case ended == 6 && phase == "rollback" && !isNew:
		wrong = "it said that nothing was done, and is not new"
	case !isOld && !isNew:
		wrong = "it is neither old nor new"
	}
	if wrong != "" {
		s.Errorf("%s; %s\nagainst the old state: %s\nagainst the new state: %s", wrong, said, differences(compared(s.old), compared(now)), differences(compared(s.new), compared(now)))
	}
}

func differences(was, is map[string]string) string {
	var all strings.Builder
	paths := slices.Collect(maps.Keys(was))
	for path := range is {
		if _, there := was[path]; !there {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		if was[path] != is[path] {
			fmt.Fprintf(&all, "\n  %s was %q, is %q", path, was[path], is[path])
		}
	}
	return all.String()
}

// same fails the test if the trees are others.
func (s *swapScene) same(when string, want map[string]string) {
	s.Helper()
	if text := differences(want, s.trees()); text != "" {
		s.Fatalf("%s:%s", when, text)
	}
}

// intact fails the test if anything of the victim is another thing than it was.
func (s *swapScene) intact(before map[string]string, ended outcome) {
	s.Helper()
	now := map[string]string{}
	s.see(now, s.victim, true)
	s.see(now, s.disk+"/victim-ours", true)
	if text := differences(before, now); text != "" {
		s.Errorf("the victim changed:%s\nit ended with %d:\n%s", text, ended.code, ended.text)
	}
}

// trees are WORK and OURS, without gwe's hidden names, without times, and without owners, which an undo by a
// program does not give back.
func (s *swapScene) trees() map[string]string {
	s.Helper()
	tree := map[string]string{}
	s.see(tree, s.work, false)
	s.see(tree, s.disk+"/ours", false)
	return tree
}

func (s *swapScene) see(tree map[string]string, root string, exact bool) {
	s.Helper()
	check(s, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !exact && strings.HasPrefix(entry.Name(), ".gwe-") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !exact && slices.Contains([]string{".part", ".note"}, filepath.Ext(path)) && filepath.Base(filepath.Dir(path)) == "partial" {
			return nil // what a failed download got stays for the next
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		status := info.Sys().(*syscall.Stat_t)
		text := info.Mode().String()
		if exact {
			text += fmt.Sprintf(" %d:%d inode %d", status.Uid, status.Gid, status.Ino)
		}
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + target
		}
		tree[path] = text
		return nil
	}))
}
