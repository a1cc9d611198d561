package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGweDropsPrivileges: gwe's own threads have fewer capabilities than the programs that it starts, which have all that it was given.
func TestGweDropsPrivileges(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	gwe := filepath.Join(d.root, "gwe")
	build := exec.Command("go", "build", "-o", gwe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as a device gets it
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	recipe := d.recipe("r.yaml", `gwe: 1
name: r
steps:
  - run: { script: "grep -h CapPrm /proc/$PPID/task/*/status" }
    effects: none
  - run: { script: "echo program; grep CapPrm /proc/self/status" }
    effects: none
`)
	command := exec.Command(gwe, "run", recipe, "--state-dir", d.state, "--output", "plain")
	command.Env = append(os.Environ(), "GWE_UNTRUSTED=accept")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	text, program, found := strings.Cut(string(output), "| program")
	if !found {
		t.Fatalf("the second program did not run: %s", output)
	}
	given := capabilities(t, program)[0]
	for _, own := range capabilities(t, text) {
		if given&(1<<unix.CAP_SYS_PTRACE) == 0 {
			if own != given {
				t.Errorf("gwe has %x, and its programs %x", own, given)
			}
			continue
		}
		for _, dropped := range []int{unix.CAP_SYS_MODULE, unix.CAP_SYS_TIME, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SYS_RAWIO, unix.CAP_BPF} {
			if own&(1<<dropped) != 0 {
				t.Errorf("a thread of gwe has capability %d (%x)", dropped, own)
			}
		}
		if own&^given != 0 || own&(1<<unix.CAP_CHOWN) == 0 {
			t.Errorf("a thread of gwe has %x of %x", own, given)
		}
	}
}

func capabilities(t *testing.T, text string) (found []uint64) {
	t.Helper()
	for _, one := range regexp.MustCompile(`CapPrm:\s+([0-9a-f]+)`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseUint(one[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
	}
	if len(found) == 0 {
		t.Fatalf("no capabilities in %s", text)
	}
	return found
}
