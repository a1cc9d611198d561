package proof_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
	"golang.org/x/sys/unix"
)

// check gives the rules that a recipe of these lines breaks, as "rule:line"; the first line is number 1.
func check(t *testing.T, lines string) string {
	t.Helper()
	head := "gwe: 1\nname: sample\n"
	recipe, diagnostics := schema.Parse("sample.yaml", []byte(head+lines), steps.Catalog())
	if diagnostics.HasErrors() {
		t.Fatalf("%s", diagnostics[0].Message)
	}
	var found []string
	for _, one := range proof.Check(recipe).Sorted() {
		if one.Hint == "" {
			t.Errorf("%s has no cure", one.Rule)
		}
		found = append(found, fmt.Sprintf("%s:%d", one.Rule, one.Line-2))
	}
	return strings.Join(found, " ")
}

func TestRules(t *testing.T) {
	for name, test := range map[string]struct{ recipe, want string }{
		"nothing undoes a program": {`steps:
  - run: { argv: [touch, /tmp/x] }
`, "undo-missing:2"},
		"undo: none owns it": {`steps:
  - run: { argv: [touch, /tmp/x] }
    undo: none
`, ""},
		"an undo of its own": {`steps:
  - run: { argv: [touch, /tmp/x] }
    undo:
      - run: { argv: [rm, /tmp/x] }
`, ""},
		"after the commit": {`steps:
  - write: { path: /tmp/x, content: x }
  - commit: done
  - run: { argv: [touch, /tmp/x] }
`, ""},
		"in failsafe and finally": {`steps:
  - write: { path: /tmp/x, content: x }
failsafe:
  - run: { argv: [touch, /tmp/x] }
finally:
  - run: { argv: [touch, /tmp/x] }
`, ""},
		"in a group, its rescue, and a branch": {`steps:
  - steps:
      - run: { argv: [touch, /tmp/x] }
    rescue:
      - run: { argv: [touch, /tmp/x] }
    finally:
      - run: { argv: [touch, /tmp/x] }
  - parallel:
      - run: { argv: [touch, /tmp/x] }
      - read-link: /tmp/x
`, "undo-missing:3 undo-missing:5 undo-missing:9"},
		"a group's undo stands for what is inside": {`steps:
  - steps:
      - run: { argv: [touch, /tmp/x] }
      - run: { argv: [touch, /tmp/y] }
    undo:
      - run: { argv: [rm, -f, /tmp/x, /tmp/y] }
  - run: { argv: [touch, /tmp/x] }
`, "undo-missing:7"},
		"a check by a program": {`steps:
  - wait-for: { command: [check] }
  - wait-for: { tcp: "127.0.0.1:80" }
`, ""},
		"a program takes up a change, and its undo comes too early": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - run: { argv: [systemctl, restart, app] }
    undo:
      - run: { argv: [systemctl, restart, app] }
`, "undo-too-early:5"},
		"by any command": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - run: { argv: [/opt/tools/appctl, take-up, now] }
    undo:
      - run: { script: "/opt/tools/appctl take-up now" }
`, "undo-too-early:5"},
		"by a hook": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - hook: { script: refresh, dir: /opt/app/tools }
    undo:
      - hook: { script: refresh, dir: /opt/app/tools }
`, "undo-too-early:5"},
		"another hook is another program": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - hook: { script: refresh, dir: /opt/app/2 }
    undo:
      - hook: { script: refresh, dir: /opt/app/1 }
`, ""},
		"by the undo of the change itself": {`steps:
  - write: { path: /etc/systemd/system/app.service, content: x }
    undo:
      - run: { argv: [systemctl, daemon-reload] }
`, "undo-too-early:4"},
		"by a shell, a service manager, a signal": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - run: { argv: [app, migrate] }
    undo:
      - run: { argv: [app, back] }
      - run: { script: "app check && sudo /usr/sbin/service app restart" }
      - run: { argv: [sh, -c, "systemctl try-restart app; true"] }
      - run: { argv: [pkill, -HUP, app] }
      - supervisor: { action: restart, programs: [app] }
      - supervisor: { action: start, programs: [app] }
      - run: { argv: [systemctl, start, app] }
`, "undo-too-early:6 undo-too-early:7 undo-too-early:8 undo-too-early:9"},
		"by the undo of a group": {`steps:
  - steps:
      - symlink: { link: /opt/app/current, to: /opt/app/2 }
      - run: { argv: [systemctl, restart, app] }
    undo:
      - run: { argv: [systemctl, restart, app] }
`, "undo-too-early:6"},
		"last is right": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - run: { argv: [systemctl, restart, app] }
    undo-last:
      - run: { argv: [systemctl, restart, app] }
`, ""},
		"before every change it comes late enough": {`steps:
  - run: { argv: ["true"] }
    undo:
      - run: { argv: [systemctl, daemon-reload] }
  - write: { path: /etc/app.conf, content: x }
  - run: { argv: [systemctl, stop, app] }
    undo:
      - run: { argv: [systemctl, start, app] }
  - run: { argv: [systemctl, start, app] }
    undo:
      - run: { argv: [systemctl, stop, app] }
`, ""},
		"nothing tells the program": {`steps:
  - symlink: { link: /opt/app/current, to: /opt/app/2 }
  - run: { argv: [systemctl, restart, app] }
    undo: none
  - run: { argv: [systemctl, reload, app] }
    effects: none
  - run: { argv: [systemctl, is-active, app] }
    effects: none
  - run: { argv: [app, migrate] }
    undo: none
`, "refresh-not-undone:4 refresh-not-undone:6"},
		"a program that only looks": {`steps:
  - run: { argv: [app, --self-test] }
    effects: none
`, ""},
		"allowed with a reason": {`steps:
  - run: { argv: [touch, /tmp/x] }
    allow: { undo-missing: it is a cache }
`, ""},
		"allowed for nothing": {`steps:
  - write: { path: /tmp/x, content: x }
    allow: { undo-missing: it is a cache, undo-mising: really }
`, "allow-unneeded:3 unknown-rule:3"},

		"the undo of a step removes what an earlier undo runs": {`steps:
  - run: { argv: [start] }
    undo:
      - hook: { script: stop, dir: /opt/firmware/tools }
  - write: { path: /tmp/x, content: x }
    undo:
      - remove: /opt/firmware
`, "undo-destroyed:7"},
		"a later undo needs it: that one comes first": {`steps:
  - write: { path: /tmp/x, content: x }
    undo:
      - remove: { path: /opt/firmware/tools }
  - run: { argv: [start] }
    undo:
      - hook: { script: stop, dir: /opt/firmware/tools }
`, ""},
		"removed after the commit": {`inputs:
  old: { type: path, required: true }
steps:
  - run: { argv: [start] }
    undo:
      - hook: { script: stop, dir: "${{ inputs.old }}/bin" }
  - commit: done
  - remove: ${{ inputs.old }}
`, "undo-destroyed:8"},
		"removed before the commit comes back first": {`steps:
  - run: { argv: [start] }
    undo:
      - hook: { script: stop, dir: /opt/old }
  - remove: /opt/old
`, ""},
		"removed at the end, which makes no frames": {`steps:
  - run: { argv: [start] }
    undo:
      - hook: { script: stop, dir: /opt/old }
finally:
  - remove: { path: /opt/old, missing: ok }
`, "undo-destroyed:6"},
		"an undo removes what the failsafe needs": {`steps:
  - write: { path: /tmp/x, content: x }
    undo:
      - remove: /opt/firmware/failsafe
failsafe:
  - hook: { script: start, dir: /opt/firmware/failsafe }
`, "undo-destroyed:4"},
		"a place beside it": {`steps:
  - run: { argv: [start] }
    undo:
      - hook: { script: stop, dir: /opt/older }
  - commit: done
  - remove: /opt/old
`, ""},

		"after a stop": {`steps:
  - stop: nothing to do
  - read-link: /opt/current
`, "unreachable:3"},
		"a guard that is never true": {`outputs:
  target: ${{ steps.old.target ?? "" }}
steps:
  - id: old
    when: 1 > 2
    read-link: /opt/current
  - when: run.recovering
    read-link: /opt/current
`, "output-unset:2 unreachable:5 guard-decided:7"},
		"inside what is never reached": {`outputs:
  target: ${{ steps.old.target ?? "" }}
steps:
  - when: false
    steps:
      - id: old
        read-link: /opt/current
`, "output-unset:2 unreachable:4"},

		"no lock covers it": {`inputs:
  target: { type: path, required: true }
vars:
  conf: ${{ inputs.target }}/conf
lock: ["${{ inputs.target }}", /run/app, app]
steps:
  - write: { path: "${{ vars.conf }}/a", content: x }
  - write: { path: /run/app//b, content: x }
  - write: { path: /run/application, content: x }
  - steps:
      - copy: { from: /run/app/b, to: /etc/app }
  - id: link
    read-link: /run/app/link
  - write: { path: "${{ steps.link.target }}", content: x }
  - write: { path: "${{ inputs.target }}/../x", content: x }
finally:
  - remove: { path: "${{ inputs.target }}x", missing: ok }
`, "lock-uncovered:9 lock-uncovered:11 lock-uncovered:17"},
		"a lock that only the run knows": {`vars:
  place: ${{ run.dir + "/x" }}
lock: ["${{ vars.place }}"]
steps:
  - write: { path: /run/application, content: x }
`, ""},
		"names are not paths": {`lock: [app]
steps:
  - write: { path: /run/application, content: x }
`, ""},

		"two branches write one file": {`steps:
  - parallel:
      - write: { path: /etc/app/a, content: x }
      - steps:
          - write: { path: /etc/app/b, content: x }
          - write: { path: /etc/app/a, content: y }
      - write: { path: /etc/app/c, content: x }
`, "parallel-conflict:6"},
		"one branch writes into what another moves away": {`steps:
  - parallel:
      - write: { path: /etc/app/a, content: x }
      - move: { from: /etc/app, to: /etc/old }
      - write: { path: /etc/application, content: x }
`, "parallel-conflict:3"},
		"one branch may do it twice": {`steps:
  - parallel:
      - steps:
          - write: { path: /etc/app/a, content: x }
          - write: { path: /etc/app/a, content: y }
      - for-each: [a, b]
        write: { path: "/etc/${{ item }}", content: x }
`, "written-twice:5"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := check(t, test.recipe); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestLargeRecipes: the proofs of twice the steps take about twice the processor time, where a pass over all
// pairs of steps takes four times as much. The least of several measurements counts, of this thread alone, so
// that other work on the machine changes nothing.
func TestLargeRecipes(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	small, large := timeOfProofs(t, large(t, 1000)), timeOfProofs(t, large(t, 2000))
	if large > 3*small {
		t.Errorf("%v for a recipe, and %v for one of twice the size", small, large)
	}
}

// large is a recipe of that many steps and half as many branches.
func large(t *testing.T, size int) *schema.Recipe {
	t.Helper()
	var text strings.Builder
	text.WriteString("gwe: 1\nname: large\nlock: [/opt]\nsteps:\n")
	for i := range size {
		fmt.Fprintf(&text, "  - write: { path: /opt/%d/a, content: x }\n    undo: [{ hook: { script: a, dir: /opt/%d/b } }, { remove: /opt/%d/c }]\n", i, i, i)
	}
	text.WriteString("  - parallel:\n")
	for i := range size / 2 {
		fmt.Fprintf(&text, "      - write: { path: /opt/branch/%d, content: x }\n", i)
	}
	recipe, diagnostics := schema.Parse("large.yaml", []byte(text.String()), steps.Catalog())
	if diagnostics.HasErrors() {
		t.Fatalf("%s", diagnostics[0].Message)
	}
	return recipe
}

// timeOfProofs is the least processor time that the proofs of a recipe take.
func timeOfProofs(t *testing.T, recipe *schema.Recipe) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least := time.Duration(math.MaxInt64)
	for range 7 {
		begun := processorTime(t)
		if found := proof.Check(recipe); len(found) > 0 {
			t.Fatalf("%d, the first: %s: %s", len(found), found[0].Rule, found[0].Message)
		}
		least = min(least, processorTime(t)-begun)
	}
	return least
}

// processorTime is what this thread has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
