package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// filling is a recipe whose second step fills the file system of the state directory. What is written after
// it has to be journaled with its content.
const filling = `gwe: 1
name: filling
inputs:
  dir: { type: path, required: true }
  state: { type: path, required: true }
  large: { type: string, required: true }
steps:
  - write: { path: "${{ inputs.dir }}/one", content: x }
  - run:
      script: cat /dev/zero > "$STATE/filler" || true
      env: { STATE: "${{ inputs.state }}" }
    undo: none
  - write: { path: "${{ inputs.dir }}/two", content: "${{ inputs.large }}" }
  - write: { path: "${{ inputs.dir }}/three", content: "${{ inputs.large }}" }
  - write: { path: "${{ inputs.dir }}/four", content: "${{ inputs.large }}" }
`

// fillingBack fills it during a rollback, and then says a lot.
var fillingBack = `gwe: 1
name: filling-back
inputs:
  dir: { type: path, required: true }
  state: { type: path, required: true }
  large: { type: string, required: true }
steps:
  - write: { path: "${{ inputs.dir }}/one", content: x }
  - run: { argv: [touch, two], dir: "${{ inputs.dir }}" }
    undo:
      - run: { argv: [rm, -f, two], dir: "${{ inputs.dir }}" }
      - run:
          script: cat /dev/zero > "$STATE/filler" || true
          env: { STATE: "${{ inputs.state }}" }
` + strings.Repeat("      - run: { argv: [seq, \"9000\"] }\n", 10) + `  - run: { argv: ["false"] }
    undo: none
`

// fullState is a device whose state directory lies on a small file system of its own.
func fullState(t *testing.T, recipe string) (d *device, command []string) {
	t.Helper()
	d = newDevice(t)
	d.volatile = "accept"
	d.mount(d.state, "size=1m,mode=0755", 0)
	check(t, os.WriteFile(d.root+"/large", []byte(strings.Repeat("large ", 8000)), 0o644))
	return d, []string{"run", d.recipe("filling.yaml", recipe), "-i", "dir=" + d.target, "-i", "state=" + d.state, "-i", "large=@" + d.root + "/large"}
}

// TestFullStateForward: where the journal cannot continue, neither does the run. There is room enough for the
// way back.
func TestFullStateForward(t *testing.T) {
	d, command := fullState(t, filling)
	asBefore := d.holds()
	d.gwe(command...).said(t, 3, "space", "everything was rolled back", "hint: free")
	asBefore()
	d.gwe("runs").said(t, 0, "rolled back")
	d.gwe("recover").said(t, 0)
	d.gwe("show").said(t, 0, "undone")

	// As long as it is full, nothing is begun.
	d.gwe(command...).said(t, 6, "space", "  = ")
	d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 6, "space", d.state, "  = ")
	asBefore()
	check(t, os.Remove(d.state+"/filler"))
	d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 0)
}

// TestFullStateBackward: the way back has its room from the start, whatever it says.
func TestFullStateBackward(t *testing.T) {
	d, command := fullState(t, fillingBack)
	asBefore := d.holds()
	d.gwe(command...).said(t, 3, "everything was rolled back")
	asBefore()
	d.gwe("recover").said(t, 0)
	d.gwe("runs").said(t, 0, "rolled back")
	check(t, os.Remove(d.state+"/filler"))
	d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 0)
}

// closingJournal makes its own journal unwritable during a rollback.
const closingJournal = `gwe: 1
name: closing
inputs:
  dir: { type: path, required: true }
  state: { type: path, required: true }
steps:
  - write: { path: "${{ inputs.dir }}/one", content: x }
  - run: { argv: [touch, two], dir: "${{ inputs.dir }}" }
    undo:
      - run: { argv: [rm, -f, two], dir: "${{ inputs.dir }}" }
      - run:
          script: '[ -e "$STATE/opened" ] || chattr +i "$STATE"/runs/*/journal'
          env: { STATE: "${{ inputs.state }}" }
  - run: { argv: ["false"] }
    undo: none
`

// TestJournalFailsBackward: where the journal cannot continue while the machine is rolled back, that
// continues all the same, and a person is told. When it can again, recovery ends well.
func TestJournalFailsBackward(t *testing.T) {
	need.Root(t, "it sets an attribute of a file system")
	d := newDevice(t)
	asBefore := d.holds()
	defer func() { _ = exec.Command("chattr", "-R", "-i", d.state).Run() }()
	d.gwe("run", d.recipe("closing.yaml", closingJournal), "-i", "dir="+d.target, "-i", "state="+d.state).
		said(t, 5, "the journal cannot be written", "continuing without it", "manual intervention required")
	asBefore()
	d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 5, d.runs()[0], "  = ")
	asBefore()
	check(t, os.WriteFile(d.state+"/opened", nil, 0o644))
	check(t, exec.Command("chattr", "-R", "-i", d.state).Run())
	d.gwe("recover").said(t, 0, "rolled back")
	asBefore()
	d.gwe("runs").said(t, 0, "rolled back")
	d.gwe("recover").said(t, 0)
	d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 0)
}

// TestFullStateUpdate: the log of a run may be cut short by a full disk; the run is not.
func TestFullStateUpdate(t *testing.T) {
	d := newDevice(t)
	d.volatile = "accept"
	d.mount(d.state, "size=1m,mode=0755", 0)
	script := "#!/bin/sh\ncat /dev/zero > " + d.state + "/filler\necho filled\nexit 0\n"
	asked := d.update(d.packItems("fw-2", withHook("fw-2", script, 0)...))
	if asked.code != 0 && asked.code != 3 {
		asked.said(t, 0)
	}
	check(t, os.Remove(d.state+"/filler"))
	d.gwe("recover").said(t, 0)
	d.clean()
}

// TestUnwritableState: what cannot be kept is not begun.
func TestUnwritableState(t *testing.T) {
	d := newDevice(t)
	path := d.packItems("fw-2", release("fw-2")...)
	asBefore := d.holds()
	need.Owner(t, d.target, nobody, nobody)
	d.state = "/proc/no/such"
	d.update(path).said(t, 6, "/proc/no/such", "--state-dir")
	d.state = filepath.Join(d.root, "file")
	check(t, os.WriteFile(d.state, nil, 0o644))
	d.update(path).said(t, 6, d.state, "--state-dir")
	d.gwe("runs").said(t, 6, d.state)
	d.state = filepath.Join(d.root, "read-only")
	d.mount(d.state, "mode=0755", 1) // MS_RDONLY
	d.update(path).said(t, 6, d.state, "--state-dir")
	d.gwe("recover").said(t, 0)
	d.gwe("runs").said(t, 0, "no runs")
	d.gwe("show").said(t, 6, "no runs", "--state-dir")
	check(t, os.Chown(d.target, 0, 0))

	// A state of root's, and somebody else.
	d.state = filepath.Join(d.root, "of-root")
	d.gwe("run", d.recipe("nothing.yaml", "gwe: 1\nname: nothing\nsteps: [{ stop: nothing to do }]\n")).said(t, 0)
	d.asNobody(d.updating(path)...).said(t, 6, d.state, "--state-dir")
	d.asNobody("recover").said(t, 6, d.state, "--state-dir")
	d.asNobody("runs").said(t, 6, d.state, "--state-dir")
	d.asNobody("show").said(t, 6, d.state, "--state-dir")

	// What gwe wrote is read-only now.
	check(t, exec.Command("mount", "--bind", d.state, d.state).Run())
	defer func() { check(t, exec.Command("umount", d.state).Run()) }()
	check(t, exec.Command("mount", "-o", "remount,bind,ro", d.state).Run())
	d.update(path).said(t, 6, d.state, "--state-dir")
	d.gwe("runs").said(t, 0, "nothing")
	asBefore()
}
