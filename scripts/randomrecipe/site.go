//go:build amd64

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// site is a machine in a directory:
//
//	tree/            what the recipe works on; a file system of its own, in memory, for every other seed
//	marks/           what its programs leave; marks/log is what they did, in its order. A file system of its own, never full
//	state/           gwe's state directory
//	recipe/          the recipe and what it installs, which are gone before a recovery
type site struct {
	*gateway.Findings
	tracer   *trace.Tracer
	program  string
	supplies supplies
	root     string
	outputs  string
	seed     uint64
	recipe   recipe
	// begun is when the trial began: what is younger is the run's.
	begun time.Time
}

// newSite mounts a machine for a seed.
func newSite(findings *gateway.Findings, tracer *trace.Tracer, program string, supplies supplies, seed uint64) *site {
	s := &site{Findings: findings, tracer: tracer, program: program, supplies: supplies, seed: seed, recipe: generate(seed)}
	s.root, s.outputs = findings.TempDir(), findings.TempDir()
	s.check(syscall.Mount("tmpfs", s.root, "tmpfs", 0, room))
	findings.Cleanup(func() {
		s.killAll()
		_ = syscall.Unmount(s.root, syscall.MNT_DETACH)
		_ = os.Remove(s.root)
		_ = os.RemoveAll(s.outputs)
	})
	mount := func(name string) {
		s.check(syscall.Mount("tmpfs", s.path(name), "tmpfs", 0, room))
		findings.Cleanup(func() { _ = syscall.Unmount(s.path(name), syscall.MNT_DETACH) })
	}
	s.check(errors.Join(os.Mkdir(s.path("tree"), 0o755), os.Mkdir(s.path("marks"), 0o755)))
	mount("marks")
	if s.apart() {
		mount("tree")
	}
	return s
}

// patience is how long a gwe may take.
const patience = 2 * time.Minute

// room is how much a file system takes.
const room = "size=64m,nr_inodes=20000"

// apart reports whether the tree has a file system of its own.
func (s *site) apart() bool { return s.seed%2 == 0 }

func (s *site) path(below ...string) string {
	return filepath.Join(append([]string{s.root}, below...)...)
}

// check ends the trial where something beside gwe went wrong.
func (s *site) check(err error) {
	if err != nil {
		s.Fatal(err)
	}
}

// restore makes the machine as it was at first.
func (s *site) restore() {
	s.killAll()
	s.check(errors.Join(os.RemoveAll(s.path("state")), os.RemoveAll(s.path(".gwe-unfinished-state")), os.RemoveAll(s.path("recipe"))))
	for _, name := range []string{"tree", "marks"} {
		entries, err := os.ReadDir(s.path(name))
		s.check(err)
		for _, entry := range entries {
			s.check(os.RemoveAll(s.path(name, entry.Name())))
		}
	}
	grow(s.Findings, s.seed, s.path("tree"))
	s.provide()
	s.begun = time.Now().Add(-time.Second)
}

// provide puts the recipe where gwe finds it.
func (s *site) provide() {
	s.check(errors.Join(os.RemoveAll(s.path("recipe")), s.supplies.lay(s.path("recipe"))))
	s.check(os.WriteFile(s.path("recipe/random.yaml"), []byte(s.recipe.text), 0o644))
	for name, text := range s.recipe.used {
		s.check(os.WriteFile(s.path("recipe", name), []byte(text), 0o644))
	}
}

// withdraw takes it away: a recovery has to do without.
func (s *site) withdraw() { s.check(os.RemoveAll(s.path("recipe"))) }

// run are the arguments of the run.
func (s *site) run() []string {
	return []string{"run", s.path("recipe/random.yaml"), "-i", "target=" + s.path("tree"), "-i", "marks=" + s.path("marks"), "-i", "supplies=" + s.path("recipe")}
}

// ended is how a gwe ended: its exit code, or 128 and the signal that ended it, and what it said.
type ended struct {
	code   int
	killed bool
	said   string
}

func (s *site) command(arguments ...string) []string {
	return append([]string{s.program, "--state-dir", s.path("state"), "--output", "plain", "--plugin-dir", s.supplies.path("steps")}, arguments...)
}

func (s *site) output() *os.File {
	output, err := os.CreateTemp(s.outputs, "")
	s.check(err)
	return output
}

func (s *site) end(status syscall.WaitStatus, output *os.File) ended {
	said, err := os.ReadFile(output.Name())
	s.check(errors.Join(err, output.Close(), os.Remove(output.Name())))
	s.Logf("%s", said)
	if strings.Contains(string(said), "panic:") || strings.Contains(string(said), "goroutine ") {
		s.Errorf("it panicked:\n%s", said)
	}
	if status.Signaled() {
		return ended{128 + int(status.Signal()), status.Signal() == syscall.SIGKILL, string(said)}
	}
	return ended{status.ExitStatus(), false, string(said)}
}

// start begins a gwe in a process group of its own.
func (s *site) start(arguments ...string) (pid int, wait func() ended) {
	output := s.output()
	argv := s.command(arguments...)
	s.Logf("$ gwe %s", strings.Join(arguments, " "))
	command := exec.Command(argv[0], argv[1:]...)
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.check(command.Start())
	hangs := time.AfterFunc(patience, func() { _ = unix.Kill(-command.Process.Pid, unix.SIGABRT) })
	return command.Process.Pid, func() ended {
		_ = command.Wait()
		if !hangs.Stop() {
			s.Errorf("gwe %s hung", arguments[0])
		}
		return s.end(command.ProcessState.Sys().(syscall.WaitStatus), output)
	}
}

func (s *site) gwe(arguments ...string) ended {
	_, wait := s.start(arguments...)
	return wait()
}

// traced runs a gwe and asks decide at each point.
func (s *site) traced(decide func(trace.Point) trace.Action, arguments ...string) ended {
	self, err := os.Executable()
	s.check(err)
	output := s.output()
	s.Logf("$ gwe %s", strings.Join(arguments, " "))
	status, err := s.tracer.Run(trace.Program{
		Arguments: s.command(arguments...), Environment: os.Environ(), Output: output, Root: s.root, Launcher: []string{self, "launch"},
	}, decide)
	s.check(err)
	return s.end(status.WaitStatus, output)
}

// processes are those whose command line or working directory names this machine.
func (s *site) processes() map[int]string {
	found := map[int]string{}
	directories, _ := filepath.Glob("/proc/[0-9]*")
	for _, directory := range directories {
		line, _ := os.ReadFile(directory + "/cmdline")
		environment, _ := os.ReadFile(directory + "/environ")
		if strings.Contains(string(line), s.root) || strings.Contains(string(environment), s.root) {
			pid := 0
			for _, digit := range filepath.Base(directory) {
				pid = pid*10 + int(digit-'0')
			}
			found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return found
}

func (s *site) killAll() {
	for left := s.processes(); len(left) > 0; left = s.processes() {
		for pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
}
