package main_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// asOnADevice builds gwe without cgo: only such a gwe drops capabilities.
func asOnADevice(t *testing.T) (gwe string) {
	t.Helper()
	gwe = filepath.Join(t.TempDir(), "gwe")
	build := exec.Command("go", "build", "-o", gwe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return gwe
}

// TestGweDropsPrivileges: gwe's own threads have fewer capabilities in effect than the programs that it
// starts, which have all that gwe was given, with no-new-privileges too.
func TestGweDropsPrivileges(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	recipe := d.recipe("r.yaml", `gwe: 1
name: r
steps:
  - run: { script: "grep -h Cap /proc/$PPID/task/*/status" }
    effects: none
  - run: { script: "echo program; grep Cap /proc/self/status" }
    effects: none
  - run: { script: "grep Cap /proc/self/status", no-new-privileges: true }
    effects: none
`)
	command := exec.Command(asOnADevice(t), "run", recipe, "--state-dir", d.state, "--output", "plain")
	command.Env = append(os.Environ(), "GWE_UNTRUSTED=accept")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	text, program, found := strings.Cut(string(output), "| program")
	if !found {
		t.Fatalf("the second program did not run: %s", output)
	}
	all := capabilities(t, program, "CapPrm")
	given := all[0]
	for _, one := range append(all, capabilities(t, program, "CapEff")...) {
		if one != given {
			t.Errorf("a program has %x of %x", one, given)
		}
	}
	for _, permitted := range capabilities(t, text, "CapPrm") {
		if permitted != given {
			t.Errorf("gwe is permitted %x of %x: its programs lose the death signal", permitted, given)
		}
	}
	for _, own := range capabilities(t, text, "CapEff") {
		if given&(1<<unix.CAP_SYS_PTRACE) == 0 {
			if own != given {
				t.Errorf("gwe has %x, and its programs %x", own, given)
			}
			continue
		}
		for _, dropped := range []int{unix.CAP_SYS_MODULE, unix.CAP_SYS_TIME, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_BPF} {
			if own&(1<<dropped) != 0 {
				t.Errorf("a thread of gwe has capability %d (%x)", dropped, own)
			}
		}
		if own&^given != 0 || own&(1<<unix.CAP_CHOWN) == 0 {
			t.Errorf("a thread of gwe has %x of %x", own, given)
		}
	}
}

// capabilities are the sets of one name in lines of /proc/PID/status.
func capabilities(t *testing.T, text, name string) (found []uint64) {
	t.Helper()
	for _, one := range regexp.MustCompile(name+`:\s+([0-9a-f]+)`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseUint(one[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
	}
	if len(found) == 0 {
		t.Fatalf("no %s in %s", name, text)
	}
	return found
}

// TestProgramsDieWithGwe: when gwe is killed, the kernel ends the program of a step, and the gwe that a run
// was handed over to, though they have capabilities that gwe has dropped.
func TestProgramsDieWithGwe(t *testing.T) {
	t.Parallel()
	gwe := asOnADevice(t)
	for name, steps := range map[string]string{
		"program":           `[{ run: { script: SCRIPT }, effects: none }]`,
		"no-new-privileges": `[{ run: { script: SCRIPT, no-new-privileges: true }, effects: none }]`,
		"user":              `[{ run: { script: SCRIPT, user: nobody }, effects: none }]`,
		"hand-over":         `[{ hand-over: { program: ` + gwe + ` } }, { run: { script: SCRIPT }, effects: none }]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "user" {
				need.Root(t, "it starts a program as another user")
			}
			d := newDevice(t)
			script := `"echo began $$ $PPID; exec sleep 600"`
			recipe := d.recipe("r.yaml", "gwe: 1\nname: r\nsteps: "+strings.ReplaceAll(steps, "SCRIPT", script)+"\n")
			output, writer, err := os.Pipe()
			check(t, err)
			defer output.Close()
			command := exec.Command(gwe, "run", recipe, "--state-dir", d.state, "--output", "plain")
			command.Env, command.Stdout, command.Stderr = append(os.Environ(), "GWE_UNTRUSTED=accept"), writer, writer
			check(t, command.Start())
			check(t, writer.Close())
			program, above := began(t, output)
			defer syscall.Kill(program, syscall.SIGKILL)
			if name == "hand-over" && above == command.Process.Pid {
				t.Error("the run was not handed over")
			}
			check(t, command.Process.Kill())
			_ = command.Wait()
			for _, pid := range []int{program, above} {
				for deadline := time.Now().Add(20 * time.Second); lives(pid); time.Sleep(10 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("process %d outlives gwe", pid)
					}
				}
			}
		})
	}
}

// began reads from gwe's output which program a step has started, and which gwe started that.
func began(t *testing.T, output *os.File) (program, above int) {
	t.Helper()
	check(t, output.SetReadDeadline(time.Now().Add(time.Minute)))
	var said strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); said.WriteString(lines.Text() + "\n") {
		if _, numbers, found := strings.Cut(lines.Text(), "| began "); found {
			_, err := fmt.Sscan(numbers, &program, &above)
			check(t, err)
			return program, above
		}
	}
	t.Fatalf("no program began: %s", said.String())
	return 0, 0
}

// lives reports whether a process is there and has not ended: nothing may collect what lost its parent.
func lives(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !strings.Contains(string(text), "\nState:\tZ")
}
