package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/recipes"
)

// Gateway is a machine in a directory, on a file system of its own in memory:
//
//	opt/             the releases, and current
//	bin/             gwe, and the one before, where gwe itself is updated
//	marks/runs       the name of the release whose service runs, written by its hooks
//	marks/pid        the service's process
//	marks/cache      what a step that refreshes made of the linked release, where one did
//	state/           gwe's state directory
//	bin/steps        the step type that refreshes, where the recipe restarts the service
//	ota.yaml         the recipe, shipped or that one, and the package to install: all such are gone before recovery
//	package
//
// The service of a release is a real process, tail -f opt/RELEASE/version: its command line names the
// release.
type Gateway struct {
	Reporter
	// Root is the directory.
	Root   string
	Vendor Vendor
	// Program is the path of the gwe that runs here.
	Program string
	// Unplugged tells that the machine loses its power: no service runs when it comes back, and none is asked
	// for.
	Unplugged bool
}

// New makes an empty machine, for a gwe at a path.
func New(t Reporter, vendor Vendor, program string) *Gateway {
	t.Helper()
	g := &Gateway{Reporter: t, Root: t.TempDir(), Vendor: vendor, Program: program}
	g.Check(syscall.Mount("tmpfs", g.Root, "tmpfs", 0, "size=256m"))
	t.Cleanup(func() {
		g.KillAll()
		_ = syscall.Unmount(g.Root, syscall.MNT_DETACH)
	})
	g.lay()
	return g
}

// NewAt makes an empty machine, whose power can fail, in an empty directory.
func NewAt(t Reporter, vendor Vendor, program, root string) *Gateway {
	t.Helper()
	g := &Gateway{Reporter: t, Root: root, Vendor: vendor, Program: program, Unplugged: true}
	g.lay()
	return g
}

func (g *Gateway) lay() {
	g.Helper()
	for _, directory := range kept {
		g.Check(os.Mkdir(g.Path(directory), 0o755))
	}
}

// Path is a path on this machine.
func (g *Gateway) Path(below ...string) string {
	return filepath.Join(append([]string{g.Root}, below...)...)
}

// Check ends the trial where something beside gwe went wrong.
func (g *Gateway) Check(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// Provide puts what a change needs where gwe finds it: the recipe, and the package.
func (g *Gateway) Provide(release string) {
	g.Helper()
	if release == RollBack {
		recipe, err := recipes.Read("rollback")
		g.Check(err)
		g.Check(os.WriteFile(g.Path("rollback.yaml"), recipe, 0o644))
		return
	}
	if isGwe(release) {
		g.provideSelfUpdate(release)
		release = newGwe
	} else if isRestart(release) {
		g.provideRestart()
		release = strings.TrimPrefix(release, restarts)
	} else {
		recipe, err := recipes.Read("ota")
		g.Check(err)
		g.Check(os.WriteFile(g.Path("ota.yaml"), recipe, 0o644))
	}
	content, err := os.ReadFile(filepath.Join(string(g.Vendor), release+".tar.zst.gpg"))
	g.Check(err)
	g.Check(os.WriteFile(g.Path("package"), content, 0o644))
}

// Withdraw takes all of that away: recovery has to do without.
func (g *Gateway) Withdraw() {
	for _, name := range []string{"ota.yaml", "rollback.yaml", restarting, selfUpdate, keepingSelfUpdate, "package"} {
		_ = os.Remove(g.Path(name))
	}
}

// Ended is how a gwe ended: its exit code, or 128 and the number of the signal that ended it, and all that it
// said.
type Ended struct {
	Code   int
	Killed bool
	Said   string
}

// Command is the command line of a gwe on this machine.
func (g *Gateway) Command(arguments ...string) []string {
	command := []string{g.Program, "--state-dir", g.Path("state"), "--output", "plain"}
	if plugins := g.Path("bin/steps"); isDirectory(plugins) {
		command = append(command, "--plugin-dir", plugins)
	}
	return append(command, arguments...)
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Output makes a file for what a gwe says. It is not a pipe: what a hook leaves behind must not hold the test
// up.
func (g *Gateway) Output() *os.File {
	g.Helper()
	directory := g.Root
	if g.Unplugged {
		directory = os.TempDir() // not on the disk that loses its power
	}
	output, err := os.CreateTemp(directory, "output-")
	g.Check(err)
	return output
}

// Start begins a gwe on this machine, with more variables in its environment.
func (g *Gateway) Start(variables []string, arguments ...string) (*exec.Cmd, func() Ended) {
	g.Helper()
	output := g.Output()
	command := &exec.Cmd{
		Path: g.Program, Args: g.Command(arguments...),
		// The race detector would wait a second before each exit.
		Env:    append(os.Environ(), append(variables, "GORACE=atexit_sleep_ms=0")...),
		Stdout: output, Stderr: output,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a Ctrl-C is for whoever breaks it, not for it
	}
	command.Args[0] = "gwe" // a test binary knows by this that it is to be one
	g.Check(command.Start())
	return command, func() Ended {
		_ = command.Wait()
		return g.End(command.ProcessState.Sys().(syscall.WaitStatus), output)
	}
}

// End tells how a gwe ended, and takes away the file of what it said.
func (g *Gateway) End(status syscall.WaitStatus, output *os.File) Ended {
	g.Helper()
	said, err := os.ReadFile(output.Name())
	g.Check(errors.Join(err, output.Close(), os.Remove(output.Name())))
	if status.Signaled() {
		return Ended{128 + int(status.Signal()), status.Signal() == syscall.SIGKILL, string(said)}
	}
	return Ended{status.ExitStatus(), false, string(said)}
}

// Gwe runs a gwe on this machine to its end.
func (g *Gateway) Gwe(variables []string, arguments ...string) Ended {
	g.Helper()
	_, wait := g.Start(variables, arguments...)
	return wait()
}

// arguments are those of a change after which that many old releases stay.
func (g *Gateway) arguments(to string, keep int) []string {
	if to == RollBack {
		return []string{"run", g.Path("rollback.yaml"), "-i", "target=" + g.Path("opt")}
	}
	if isGwe(to) {
		return g.selfUpdateArguments(keep)
	}
	recipe := "ota.yaml"
	if isRestart(to) {
		recipe = restarting
	}
	return []string{"run", g.Path(recipe), "-i", "package=" + g.Path("package"), "-i", "target=" + g.Path("opt"),
		"-i", "keyring=" + filepath.Join(string(g.Vendor), "keys"), "-i", fmt.Sprintf("keep=%d", keep)}
}

// Update installs a release undisturbed.
func (g *Gateway) Update(release string) {
	g.Helper()
	g.install(release, 1)
}

// kept are the directories that make up the machine.
var kept = []string{"opt", "bin", "marks", "state"}

// Save keeps the machine as it is, for Restore.
func (g *Gateway) Save() {
	g.Helper()
	g.Check(os.RemoveAll(g.Path("saved")))
	g.Check(os.Mkdir(g.Path("saved"), 0o700))
	g.copyAll(g.Root, g.Path("saved"))
}

// Restore gives the machine back as it was saved, its service too. Its directories stay the ones that they
// are: undos know them.
func (g *Gateway) Restore() {
	g.Helper()
	g.KillAll()
	g.Check(os.RemoveAll(g.Path(".gwe-unfinished-state"))) // the note of a run that did not end
	for _, directory := range kept {
		entries, err := os.ReadDir(g.Path(directory))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			g.Fatal(err)
		}
		for _, entry := range entries {
			g.Check(os.RemoveAll(g.Path(directory, entry.Name())))
		}
	}
	g.copyAll(g.Path("saved"), g.Root)
	if runs, err := os.ReadFile(g.Path("marks/runs")); err == nil {
		release := g.Path("opt", strings.TrimSpace(string(runs)))
		start := exec.Command(filepath.Join(release, ".post-install"), release)
		start.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		g.Check(start.Run())
	}
}

// copyAll copies one release after the other, the newest one first: their age on this machine is the wrong
// way round, as after a clock that was wrong or a backup. The clock of file systems ticks every few
// milliseconds only.
func (g *Gateway) copyAll(from, to string) {
	g.Helper()
	for _, directory := range kept {
		g.Check(os.MkdirAll(filepath.Join(to, directory), 0o755))
		entries, err := os.ReadDir(filepath.Join(from, directory))
		g.Check(err)
		for _, entry := range slices.Backward(entries) {
			command := exec.Command("cp", "-a", filepath.Join(from, directory, entry.Name()), filepath.Join(to, directory))
			if output, err := command.CombinedOutput(); err != nil {
				g.Fatalf("cp: %v: %s", err, output)
			}
			if directory == "opt" {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
}

// Processes are the living processes whose command line names this machine, by pid.
func (g *Gateway) Processes() map[int]string {
	found := map[int]string{}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		if strings.Contains(string(text), g.Root+"/") {
			var pid int
			_, _ = fmt.Sscanf(line, "/proc/%d/", &pid)
			found[pid] = strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// KillAll ends what still runs on this machine, and takes away the control groups of runs that nobody
// recovered.
func (g *Gateway) KillAll() {
	for left := g.Processes(); len(left) > 0; left = g.Processes() {
		for pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	runs, _ := filepath.Glob(g.Path("state/runs/*"))
	for _, run := range runs {
		for _, group := range Groups(MarkOf(run)) {
			_ = syscall.Rmdir(group)
		}
	}
}
