package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestStarved: a gwe that gets no more memory ends as Go does, and leaves it to recovery: never with 2, which
// says that nothing ran. The gwe is built for it, since the race detector ends otherwise.
func TestStarved(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Fatal("prlimit is missing; on Debian: apt-get install util-linux")
	}
	directory := t.TempDir()
	gwe, recipe, begun := filepath.Join(directory, "gwe"), filepath.Join(directory, "starved.yaml"), filepath.Join(directory, "begun")
	if said, err := exec.Command("go", "build", "-trimpath", "-o", gwe, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	check(t, os.WriteFile(recipe, []byte(`gwe: 1
name: starved
steps:
  - write: { path: `+begun+`, content: x }
  - run: { script: prlimit --pid $PPID --data=1 --as=1; seq 1000000; sleep 1000 }
    undo: none
`), 0o644))
	wants := func(code int, arguments ...string) {
		t.Helper()
		command := exec.Command(gwe, append([]string{"--state-dir", directory + "/state"}, arguments...)...)
		said, _ := command.CombinedOutput()
		got := command.ProcessState.ExitCode()
		if status := command.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
			got = 128 + int(status.Signal()) // as a shell tells it
		}
		if got != code {
			t.Errorf("it ended with %d, not with %d:\n%.2000s", got, code, said)
		}
	}
	wants(134, "run", recipe)
	if _, err := os.Lstat(begun); err != nil {
		t.Errorf("it was rolled back, or never came so far: %v", err)
	}
	wants(0, "recover")
	if _, err := os.Lstat(begun); err == nil {
		t.Error("it was not rolled back")
	}
}
