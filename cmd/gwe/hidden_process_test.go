package main_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// hide starts a child that leaves all by which it could be known, and then does what it is told.
const hide = `#!/bin/sh
child=ROOT/$1
shift
(setsid env -i PATH="$PATH" sh -c ': >"$0"; while :; do sleep 0.1; done' "$child" &)
until [ -e "$child" ]; do sleep 0.01; done
"$@"
`

// hidden is a recipe whose programs have hidden children. Two of them are daemons: their programs ended well.
const hidden = `gwe: 1
name: hidden
facts:
  asked: { type: string, run: [ROOT/hide, asked, echo, something] }
steps:
  - run: { argv: [ROOT/hide, daemon] }
    undo: none
  - parallel:
      - run: { argv: [ROOT/hide, other-daemon] }
        undo: none
      - run: { argv: [ROOT/hide, late, sleep, "1000"] }
        timeout: 3s
        allow-failure: true
        undo: none
  - run: { argv: [ROOT/hide, failed, "false"] }
    allow-failure: true
    undo: none
  - run: { argv: [ROOT/hide, last, sleep, "1000"] }
    timeout: LIMIT
    undo: none
`

// TestHiddenProcesses: what a step started ends with it, however it hides, unless it was left on purpose;
// also where gwe itself is killed.
func TestHiddenProcesses(t *testing.T) {
	if process.Cgroup() == "" {
		need.Missing(t, need.Cgroups, "only there can gwe find such processes")
	}
	for name, kill := range map[string]string{"out of time": "", "killed": "last", "killed at a fact": "asked"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t)
			check(t, os.WriteFile(d.root+"/hide", []byte(strings.ReplaceAll(hide, "ROOT", d.root)), 0o755))
			limit, daemons := "10m", []string{"daemon", "other-daemon"}
			if kill == "" {
				limit = "3s"
			}
			recipe := strings.NewReplacer("ROOT", d.root, "LIMIT", limit).Replace(hidden)
			if kill == "asked" {
				recipe, daemons = strings.ReplaceAll(recipe, "echo, something", `sleep, "1000"`), nil
			}
			defer d.endHiding()
			command := d.command("run", d.recipe("hidden.yaml", recipe))
			if kill == "" {
				d.end(command).said(t, 3, "did not end in time")
			} else {
				check(t, command.Start())
				for begun := time.Now(); d.hiding()[kill] == 0 && time.Since(begun) < time.Minute; {
					time.Sleep(10 * time.Millisecond)
				}
				check(t, command.Process.Kill())
				_ = command.Wait()
				if d.hiding()[kill] == 0 {
					t.Error("the child is gone already: nothing is tried here")
				}
			}
			mark := gateway.MarkOf(filepath.Join(d.state, "runs", d.runs()[0]))
			if made := gateway.Groups(mark); (kill != "") != (len(made) > 0) {
				t.Errorf("before the recovery there are %q", made)
			}
			d.gwe("recover").said(t, 0)
			if left := gateway.Groups(mark); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if got := slices.Sorted(maps.Keys(d.hiding())); !slices.Equal(got, daemons) {
				t.Errorf("%q live, want %q", got, daemons)
			}
		})
	}
}

// hiding are the children that live: their names, each with its pid.
func (d *device) hiding() map[string]int {
	d.Helper()
	found := map[string]int{}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	check(d, err)
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		if child, ok := bytes.CutPrefix(text[bytes.LastIndexByte(bytes.TrimSuffix(text, []byte{0}), 0)+1:], []byte(d.root+"/")); ok {
			name := string(bytes.TrimSuffix(child, []byte{0}))
			var pid int
			_, err := fmt.Sscanf(line, "/proc/%d/", &pid)
			check(d, err)
			if strings.HasPrefix(string(text), "sh\x00-c\x00: >") {
				found[name] = pid
			}
		}
	}
	return found
}

func (d *device) endHiding() {
	for _, pid := range d.hiding() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
