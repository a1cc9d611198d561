package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slow says a line, waits for the file go, says many more lines, and lets a last step leave the file done.
const slow = `gwe: 1
name: slow
inputs:
  dir: { type: path, required: true }
steps:
  - write: { path: "${{ inputs.dir }}/begun", content: x }
  - run:
      script: |
        echo first
        while [ ! -e "$DIR/go" ]; do sleep 0.02; done
        i=0; while [ $i -lt 300 ]; do echo "line $i of what nobody reads any more"; i=$((i+1)); done
      env: { DIR: "${{ inputs.dir }}" }
    undo: none
  - write: { path: "${{ inputs.dir }}/done", content: x }
outputs:
  said: nobody hears it
`

// TestNobodyReads: a run whose log has no reader any more continues to its end, and ends with its own exit
// code.
func TestNobodyReads(t *testing.T) {
	for _, test := range []struct {
		output string
		code   int
	}{{"plain", 0}, {"tree", 0}, {"json", 0}} {
		t.Run(test.output, func(t *testing.T) {
			d := newDevice(t)
			command := d.command("run", d.recipe("slow.yaml", slow), "-i", "dir="+d.root, "--output", test.output, "-v")
			reading, writing, err := os.Pipe()
			check(t, err)
			command.Stdout, command.Stderr = writing, writing
			check(t, command.Start())
			check(t, writing.Close())
			waitFor(t, d.root+"/begun")
			check(t, reading.Close())
			check(t, os.WriteFile(d.root+"/go", nil, 0o644))
			if err := command.Wait(); err != nil {
				t.Errorf("the run ended with %v", err)
			}
			if _, err := os.Stat(d.root + "/done"); err != nil {
				t.Error(err)
			}
			d.gwe("recover").said(t, 0)
			d.gwe("log", "--output", "plain", "-v").said(t, 0, "line 299")
			d.gwe("runs").said(t, 0, "done")
			d.clean()
		})
	}
}

// TestNobodyReadsAFailure: nor does a failing run leave anything half done.
func TestNobodyReadsAFailure(t *testing.T) {
	d := newDevice(t)
	failing := d.packItems("fw-2", release("fw-2", item{name: "fw-2/share/same", content: "twice"})...)
	asBefore := d.holds()
	shell := exec.Command("bash", "-c", `gwe "$@" -v 2>&1 | true; exit ${PIPESTATUS[0]}`, "gwe")
	shell.Args = append(shell.Args, d.updating(failing)...)
	shell.Env, shell.Dir = d.command().Env, d.root
	d.end(shell).said(t, 3)
	asBefore()
	d.gwe("runs").said(t, 0, "rolled back")
}

// TestNoRoomForTheLog: what cannot be shown makes a good run no bad one, and it is said.
func TestNoRoomForTheLog(t *testing.T) {
	d := newDevice(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	check(t, err)
	defer full.Close()
	command := d.command(d.updating(d.packItems("fw-2", release("fw-2")...))...)
	command.Stdout = full
	d.end(command).said(t, 0, "not all could be shown", "gwe log")
	d.running("fw-2", ".pre-install of fw-2", ".post-install of fw-2")
}

// TestReadersOfLists: what only tells something ends quietly, as every program does, when nobody reads.
func TestReadersOfLists(t *testing.T) {
	d := newDevice(t)
	reading, writing, err := os.Pipe()
	check(t, err)
	check(t, reading.Close())
	var stderr bytes.Buffer
	command := d.command("schema")
	command.Stdout, command.Stderr = writing, &stderr
	if ended := d.end(command); ended.code != 141 || stderr.Len() > 0 {
		t.Errorf("exit code %d: %s", ended.code, stderr.String())
	}
}

// TestTerminalGone: closing a terminal sends SIGHUP, more than once. The run is rolled back in order.
func TestTerminalGone(t *testing.T) {
	d := newDevice(t)
	var out bytes.Buffer
	command := d.command("run", d.recipe("slow.yaml", slow), "-i", "dir="+d.root)
	command.Stdout, command.Stderr = &out, &out
	// Under nohup this process ignores SIGHUP, and gwe would too: what is caught here has its default there.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	check(t, command.Start())
	waitFor(t, d.root+"/begun")
	for range 3 {
		check(t, command.Process.Signal(syscall.SIGHUP))
		time.Sleep(20 * time.Millisecond)
	}
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 129 {
		t.Errorf("exit code %d, not 129:\n%s", code, out.String())
	}
	if !strings.Contains(out.String(), "everything was rolled back") {
		t.Error(out.String())
	}
	if _, err := os.Stat(d.root + "/begun"); err == nil {
		t.Error("the first step was not rolled back")
	}
	d.gwe("runs").said(t, 0, "rolled back")
	d.clean()
}

// TestNohup: a run that was told to outlive its terminal does.
func TestNohup(t *testing.T) {
	d := newDevice(t)
	command := d.command("run", d.recipe("slow.yaml", slow), "-i", "dir="+d.root)
	nohup := exec.Command("nohup", command.Args...)
	nohup.Env, nohup.Dir = command.Env, command.Dir
	check(t, nohup.Start())
	waitFor(t, d.root+"/begun")
	check(t, nohup.Process.Signal(syscall.SIGHUP))
	time.Sleep(50 * time.Millisecond)
	check(t, os.WriteFile(d.root+"/go", nil, 0o644))
	if err := nohup.Wait(); err != nil {
		t.Errorf("the run ended with %v", err)
	}
	if _, err := os.Stat(d.root + "/done"); err != nil {
		t.Error(err)
	}
}

// TestTwoTerms: the second SIGTERM stops at once, and recovery finishes what is left.
func TestTwoTerms(t *testing.T) {
	d := newDevice(t)
	stubborn := strings.Replace(slow, "echo first", "trap '' TERM; echo first", 1)
	var out bytes.Buffer
	command := d.command("run", d.recipe("slow.yaml", stubborn), "-i", "dir="+d.root)
	command.Stdout, command.Stderr = &out, &out
	check(t, command.Start())
	waitFor(t, d.root+"/begun")
	time.Sleep(300 * time.Millisecond) // the script has to have set its trap
	for range 2 {
		check(t, command.Process.Signal(syscall.SIGTERM))
		time.Sleep(300 * time.Millisecond) // sooner the second would be an echo of the first
	}
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 143 || !strings.Contains(out.String(), "gwe recover") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
	d.gwe("runs").said(t, 0, "pending")
	d.gwe("recover").said(t, 0, "rolled back")
	if _, err := os.Stat(d.root + "/begun"); err == nil {
		t.Error("the first step was not rolled back")
	}
	d.clean()
}

// TestEchoOfATerm: timeout(1) sends its signal to the process, and once more to the process's group. That is
// one request.
func TestEchoOfATerm(t *testing.T) {
	d := newDevice(t)
	var out bytes.Buffer
	command := d.command("run", d.recipe("slow.yaml", slow), "-i", "dir="+d.root)
	command.Stdout, command.Stderr = &out, &out
	check(t, command.Start())
	waitFor(t, d.root+"/begun")
	for range 20 { // so that two of them are not made one by the kernel
		_ = command.Process.Signal(syscall.SIGTERM)
	}
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 143 || !strings.Contains(out.String(), "everything was rolled back") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
	d.clean()
}

// waitFor waits until a file is there.
func waitFor(t testing.TB, path string) {
	t.Helper()
	for range 2000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", path)
}

// waitForText waits until a file holds a text.
func waitForText(t testing.TB, path, text string) {
	t.Helper()
	for range 2000 {
		if content, err := os.ReadFile(path); err == nil && strings.Contains(string(content), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %q in %s", text, path)
}
