package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/recipes"
)

// gateway is a machine in a folder, on a file system of its own in memory:
//
//	opt/             the releases, and current
//	marks/runs       the name of the release whose service runs, written by its hooks
//	marks/pid        the service's process
//	state/           gwe's state folder
//	ota.yaml         the shipped recipe, and the package to install: both are gone before recovery
//	package
//
// The service of a release is a real process, tail -f opt/RELEASE/version: its command line names the release.
type gateway struct {
	testing.TB
	root   string
	vendor vendorFolder
}

// vendorFolder holds packed releases, app-1 to app-3 and app-bad, and the keyring that trusts them.
type vendorFolder string

func newGateway(t testing.TB, vendor vendorFolder) *gateway {
	t.Helper()
	g := &gateway{TB: t, root: t.TempDir(), vendor: vendor}
	g.check(syscall.Mount("tmpfs", g.root, "tmpfs", 0, "size=64m"))
	t.Cleanup(func() {
		g.killAll()
		_ = syscall.Unmount(g.root, syscall.MNT_DETACH)
	})
	for _, folder := range []string{"opt", "marks", "state"} {
		g.check(os.Mkdir(g.path(folder), 0o755))
	}
	return g
}

// newVendor packs the releases. Each has the same files, but for its version, as a package of the field has: most of an
// update becomes links.
func newVendor(t testing.TB) vendorFolder {
	t.Helper()
	folder := t.TempDir()
	g := gateway{TB: t, root: folder}
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Folder: folder})
	g.check(err)
	_, err = bundle.ImportKeys(g.path("keys"), key.Public)
	g.check(err)
	for _, name := range []string{"app-1", "app-2", "app-3", "app-bad"} {
		g.build(name, nil)
		g.pack(name, key.Secret)
	}
	return vendorFolder(folder)
}

// packMore packs a release with other hooks, and gives its name.
func (v vendorFolder) packMore(t testing.TB, name string, hooks map[string]string) {
	t.Helper()
	g := gateway{TB: t, root: string(v)}
	g.build(name, hooks)
	g.pack(name, g.path("vendor.key"))
}

const (
	// stopService stops whatever service runs. It bears a pid file of a service that is gone, and being run twice.
	stopService = `#!/bin/sh
set -eu
root=${1%/*/*} marks=${1%/*/*}/marks
running() { grep -qs "$root/opt/" "/proc/$1/cmdline"; }
if [ -s "$marks/pid" ] && read -r pid <"$marks/pid" && running "$pid"; then
	kill "$pid"
	while running "$pid"; do sleep 0.01; done
fi
rm -f "$marks/pid" "$marks/runs"
`
	// startService is the rest of a post-install: the release app-bad finds that its service does not come up.
	startService = `tail -f "$1/version" </dev/null >/dev/null 2>&1 &
echo $! >"$marks/pid"
until grep -qs ^tail /proc/$!/cmdline; do sleep 0.01; done
echo "${1##*/}" >"$marks/runs"
[ "${1##*/}" != app-bad ]
`
)

// build makes the tree of a release. What does not differ has one time in all releases.
func (g *gateway) build(name string, hooks map[string]string) {
	g.Helper()
	type entry struct {
		content string
		mode    os.FileMode
		owner   int
	}
	entries := map[string]entry{
		"version":            {name + "\n", 0o644, 0},
		"bin/tool":           {"a program\n", 0o755 | os.ModeSetuid, 0},
		"share/words":        {strings.Repeat("words ", 2000), 0o640, 7},
		"share/deep/numbers": {"1 2 3\n", 0o444, 8},
		".pre-install":       {stopService, 0o755, 0},
		".post-install":      {stopService + startService, 0o755, 0},
	}
	for hook, text := range hooks {
		entries[hook] = entry{text, 0o755, 0}
	}
	g.check(os.MkdirAll(g.path(name, "share/deep"), 0o755))
	g.check(os.MkdirAll(g.path(name, "bin"), 0o755))
	g.check(os.Symlink("../words", g.path(name, "share/deep/link")))
	for at, entry := range entries {
		g.check(os.WriteFile(g.path(name, at), []byte(entry.content), 0o600))
		g.check(os.Chown(g.path(name, at), entry.owner, entry.owner))
		g.check(os.Chmod(g.path(name, at), entry.mode))
		g.check(os.Chtimes(g.path(name, at), made, made))
	}
	for _, folder := range []string{"share/deep", "share", "bin", ""} {
		g.check(os.Chtimes(g.path(name, folder), made, made))
	}
}

// made is when the files of all releases were made.
var made = time.Date(2026, 1, 1, 12, 0, 0, 123456789, time.UTC)

func (g *gateway) pack(name, key string) {
	g.Helper()
	_, err := bundle.Pack(context.Background(), bundle.PackOptions{Folder: g.path(name), SigningKey: key, Output: g.path(name + ".tar.zst.gpg")})
	g.check(err)
}

func (g *gateway) path(below ...string) string {
	return filepath.Join(append([]string{g.root}, below...)...)
}

func (g *gateway) check(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// provide puts the recipe and a package where the next update finds them.
func (g *gateway) provide(release string) {
	g.Helper()
	recipe, err := recipes.Read("ota")
	g.check(err)
	g.check(os.WriteFile(g.path("ota.yaml"), recipe, 0o644))
	content, err := os.ReadFile(filepath.Join(string(g.vendor), release+".tar.zst.gpg"))
	g.check(err)
	g.check(os.WriteFile(g.path("package"), content, 0o644))
}

// withdraw takes both away: recovery has to do without.
func (g *gateway) withdraw() {
	_ = os.Remove(g.path("ota.yaml"))
	_ = os.Remove(g.path("package"))
}

// ended is how a gwe ended: its exit code, or 128 and the number of the signal that ended it, and all that it said.
type ended struct {
	code   int
	killed bool
	said   string
}

// start begins a gwe on this machine, with more variables in its environment.
func (g *gateway) start(variables []string, arguments ...string) (*exec.Cmd, func() ended) {
	g.Helper()
	self, err := os.Executable()
	g.check(err)
	// Whatever a hook leaves behind must not hold the test up, so its output goes to a file.
	output, err := os.CreateTemp(g.path("/"), "output-")
	g.check(err)
	command := &exec.Cmd{
		Path: self, Args: append([]string{"gwe", "--state-dir", g.path("state"), "--output", "plain"}, arguments...),
		// The race detector would wait a second before each exit.
		Env:    append(os.Environ(), append(variables, "GORACE=atexit_sleep_ms=0")...),
		Stdout: output, Stderr: output,
	}
	g.check(command.Start())
	return command, func() ended {
		_ = command.Wait()
		status := command.ProcessState.Sys().(syscall.WaitStatus)
		said, err := os.ReadFile(output.Name())
		g.check(errors.Join(err, output.Close(), os.Remove(output.Name())))
		if status.Signaled() {
			return ended{128 + int(status.Signal()), status.Signal() == syscall.SIGKILL, string(said)}
		}
		return ended{status.ExitStatus(), false, string(said)}
	}
}

func (g *gateway) gwe(variables []string, arguments ...string) ended {
	g.Helper()
	_, wait := g.start(variables, arguments...)
	return wait()
}

// updating are the arguments of an update. One old release stays, so that prune has something to do.
func (g *gateway) updating() []string { return g.updatingKeeping(1) }

func (g *gateway) updatingKeeping(releases int) []string {
	return []string{"run", g.path("ota.yaml"), "-i", "package=" + g.path("package"), "-i", "target=" + g.path("opt"),
		"-i", "keyring=" + filepath.Join(string(g.vendor), "keys"), "-i", fmt.Sprintf("keep=%d", releases)}
}

// update installs a release undisturbed.
func (g *gateway) update(release string) {
	g.Helper()
	g.updateKeeping(release, 1)
}

func (g *gateway) updateKeeping(release string, releases int) {
	g.Helper()
	g.provide(release)
	if e := g.gwe(nil, g.updatingKeeping(releases)...); e.code != 0 {
		g.Fatalf("the update to %s ended with %d:\n%s", release, e.code, e.said)
	}
	g.withdraw()
}

// kept are the folders that make up the machine.
var kept = []string{"opt", "marks", "state"}

// save keeps the machine as it is, for restore.
func (g *gateway) save() {
	g.Helper()
	g.check(os.RemoveAll(g.path("saved")))
	g.check(os.Mkdir(g.path("saved"), 0o700))
	g.copyAll(g.root, g.path("saved"))
}

// restore gives the machine back as it was saved, its service too.
func (g *gateway) restore() {
	g.Helper()
	g.killAll()
	for _, folder := range kept {
		g.check(os.RemoveAll(g.path(folder)))
	}
	g.copyAll(g.path("saved"), g.root)
	if runs, err := os.ReadFile(g.path("marks/runs")); err == nil {
		release := g.path("opt", strings.TrimSpace(string(runs)))
		g.check(exec.Command(filepath.Join(release, ".post-install"), release).Run())
	}
}

func (g *gateway) copyAll(from, to string) {
	g.Helper()
	arguments := []string{"-a"}
	for _, folder := range kept {
		arguments = append(arguments, filepath.Join(from, folder))
	}
	if output, err := exec.Command("cp", append(arguments, to)...).CombinedOutput(); err != nil {
		g.Fatalf("cp: %v: %s", err, output)
	}
}

// processes are the living processes whose command line names this machine, by pid.
func (g *gateway) processes() map[int]string {
	found := map[int]string{}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		if strings.Contains(string(text), g.root+"/") {
			var pid int
			_, _ = fmt.Sscanf(line, "/proc/%d/", &pid)
			found[pid] = strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// killAll ends what still runs on this machine.
func (g *gateway) killAll() {
	for left := g.processes(); len(left) > 0; left = g.processes() {
		for pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
