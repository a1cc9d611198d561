package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// writer continues writing into the release, and makes it again where it was removed.
const writer = `while :; do mkdir -p "$1/made" && echo more >>"$1/made/written"; sleep 0.01; done`

// TestKilledWithAGrandchild kills gwe while something that a hook started, and that does not die with gwe,
// continues writing. After recovery it is gone, and the machine is as it was.
func TestKilledWithAGrandchild(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	for name, c := range map[string]struct{ hook, start string }{
		"background":         {".post-install", `sh -c "$writer" writer "$1" &`},
		"session of its own": {".post-install", `setsid sh -c "$writer" writer "$1" &`},
		"forked twice":       {".pre-install", `(setsid sh -c 'sh -c "$0" writer "$1" & exit' "$writer" "$1" &)`},
		"pays no attention":  {".post-install", `(trap "" TERM HUP INT; setsid sh -c "$writer" writer "$1" &)`},
		"clean environment":  {".post-install", `env -i PATH="$PATH" sh -c "$writer" writer "$1" &`},
		"nothing is left":    {".pre-install", `(trap "" TERM; setsid env -i PATH="$PATH" sh -c "$writer" writer "$1" &)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "nothing is left" && process.Cgroup() == "" {
				need.Missing(t, need.Cgroups, "only there can gwe find such a process")
			}
			release := "app-" + strings.ReplaceAll(name, " ", "-")
			vendor.PackMore(t, release, map[string]string{c.hook: gateway.StopService +
				"writer='" + strings.ReplaceAll(writer, "'", `'\''`) + "'\n" + c.start + `
until [ -s "$1/made/written" ]; do sleep 0.01; done
touch "$root/begun"
sleep 1000
`})
			d := gateway.Change{From: []string{"app-1", "app-2"}, To: release, Fails: true}
			g, want := d.Arrange(t, vendor, self(t))
			g.Provide(release)
			command, wait := g.Start(nil, g.Arguments(d)...)
			waitForFile(g, "begun")
			g.Check(command.Process.Signal(syscall.SIGKILL))
			if e := wait(); !e.Killed {
				t.Fatalf("gwe ended with %d:\n%s", e.Code, e.Said)
			}
			if !runsOn(g, "writer") {
				t.Fatal("the writer is gone already: nothing is tried here")
			}
			g.Recovers(want)
			if runsOn(g, "writer") {
				t.Error("the writer continues writing")
			}
			g.UpdatesNext()
		})
	}
}

// runsOn reports whether a process of the machine has a word in its command line.
func runsOn(g *gateway.Gateway, word string) bool {
	for _, line := range g.Processes() {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}

// waitForFile waits until a file is there.
func waitForFile(g *gateway.Gateway, name string) {
	g.Helper()
	for range 3000 {
		if _, err := os.Stat(g.Path(name)); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	g.Fatalf("waited in vain for %s", name)
}

// TestKilledBesideAnother: two state directories may have begun a run in the same millisecond, so that both
// have one name. What recovers one leaves the processes of the other alone.
func TestKilledBesideAnother(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	vendor.PackMore(t, "app-slow", map[string]string{".pre-install": gateway.StopService + `
touch "$root/begun"
until [ -e "$root/go-on" ]; do sleep 0.01; done
`})
	var gateways [2]*gateway.Gateway
	var commands [2]*exec.Cmd
	var waits [2]func() gateway.Ended
	for at := range gateways {
		g := gateway.New(t, vendor, self(t))
		g.Update("app-1")
		runs, err := filepath.Glob(g.Path("state/runs/*"))
		g.Check(err)
		// The next run's name follows that of the last one.
		g.Check(os.Rename(runs[0], g.Path("state/runs/29990101-000000.000")))
		g.Provide("app-slow")
		commands[at], waits[at] = g.Start(nil, g.Arguments(gateway.Change{To: "app-slow"})...)
		waitForFile(g, "begun")
		gateways[at] = g
	}
	busy, dead := gateways[0], gateways[1]
	dead.Check(commands[1].Process.Signal(syscall.SIGKILL))
	waits[1]()
	if e := dead.Gwe(nil, "recover"); e.Code != 0 {
		t.Errorf("recovery ended with %d:\n%s", e.Code, e.Said)
	}
	busy.Check(os.WriteFile(busy.Path("go-on"), nil, 0o644))
	if e := waits[0](); e.Code != 0 {
		t.Errorf("the other run ended with %d:\n%s", e.Code, e.Said)
	}
	for _, g := range gateways {
		if _, err := os.Stat(g.Path("state/runs/29990101-000000.001")); err != nil {
			t.Error("the two runs have not had one Name: ", err)
		}
	}
}
