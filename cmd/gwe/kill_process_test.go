package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writer goes on writing into the release, and makes it again where it was removed.
const writer = `while :; do mkdir -p "$1/made" && echo more >>"$1/made/written"; sleep 0.01; done`

// TestKilledWithAGrandchild kills gwe while something that a hook started, and that does not die with gwe, goes on
// writing. After recovery it is gone, and the machine is as it was.
func TestKilledWithAGrandchild(t *testing.T) {
	vendor := newVendor(t)
	for name, c := range map[string]struct{ hook, start string }{
		"background":         {".post-install", `sh -c "$writer" writer "$1" &`},
		"session of its own": {".post-install", `setsid sh -c "$writer" writer "$1" &`},
		"forked twice":       {".pre-install", `(setsid sh -c 'sh -c "$0" writer "$1" & exit' "$writer" "$1" &)`},
		"pays no attention":  {".post-install", `(trap "" TERM HUP INT; setsid sh -c "$writer" writer "$1" &)`},
		"clean environment":  {".post-install", `env -i PATH="$PATH" sh -c "$writer" writer "$1" &`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := "app-" + strings.ReplaceAll(name, " ", "-")
			vendor.packMore(t, release, map[string]string{c.hook: stopService +
				"writer='" + strings.ReplaceAll(writer, "'", `'\''`) + "'\n" + c.start + `
until [ -s "$1/made/written" ]; do sleep 0.01; done
touch "$root/begun"
sleep 1000
`})
			g, want := disturbed{from: []string{"app-1", "app-2"}, to: release, fails: true}.arrange(t, vendor)
			g.provide(release)
			command, wait := g.start(nil, g.updating()...)
			g.waitFor("begun")
			g.check(command.Process.Signal(syscall.SIGKILL))
			if e := wait(); !e.killed {
				t.Fatalf("gwe ended with %d:\n%s", e.code, e.said)
			}
			if !g.runs("writer") {
				t.Fatal("the writer is gone already: nothing is tried here")
			}
			g.recovers(want)
			if g.runs("writer") {
				t.Error("the writer goes on writing")
			}
			g.updatesNext()
		})
	}
}

// runs tells whether a process of the machine has a word in its command line.
func (g *gateway) runs(word string) bool {
	for _, line := range g.processes() {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}

// waitFor waits until a file is there.
func (g *gateway) waitFor(name string) {
	g.Helper()
	for range 3000 {
		if _, err := os.Stat(g.path(name)); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	g.Fatalf("waited in vain for %s", name)
}

// TestKilledBesideAnother: two state folders may have begun a run in the same millisecond, so that both have one name. What
// recovers one leaves the processes of the other alone.
func TestKilledBesideAnother(t *testing.T) {
	vendor := newVendor(t)
	vendor.packMore(t, "app-slow", map[string]string{".pre-install": stopService + `
touch "$root/begun"
until [ -e "$root/go-on" ]; do sleep 0.01; done
`})
	var gateways [2]*gateway
	var commands [2]*exec.Cmd
	var waits [2]func() ended
	for at := range gateways {
		g := newGateway(t, vendor)
		g.update("app-1")
		runs, err := filepath.Glob(g.path("state/runs/*"))
		g.check(err)
		// The next run's name follows that of the last one.
		g.check(os.Rename(runs[0], g.path("state/runs/29990101-000000.000")))
		g.provide("app-slow")
		commands[at], waits[at] = g.start(nil, g.updating()...)
		g.waitFor("begun")
		gateways[at] = g
	}
	busy, dead := gateways[0], gateways[1]
	dead.check(commands[1].Process.Signal(syscall.SIGKILL))
	waits[1]()
	if e := dead.gwe(nil, "recover"); e.code != 0 {
		t.Errorf("recovery ended with %d:\n%s", e.code, e.said)
	}
	busy.check(os.WriteFile(busy.path("go-on"), nil, 0o644))
	if e := waits[0](); e.code != 0 {
		t.Errorf("the other run ended with %d:\n%s", e.code, e.said)
	}
	for _, g := range gateways {
		if _, err := os.Stat(g.path("state/runs/29990101-000000.001")); err != nil {
			t.Error("the two runs have not had one name: ", err)
		}
	}
}
