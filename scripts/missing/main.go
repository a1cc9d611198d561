// Command missing prints what tests need and this machine lacks, one "THING: REASON" a line, by the names of
// engine/need. scripts/test prints that, and leaves out the tests that need it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/process"
)

func main() {
	directory, err := os.MkdirTemp("", "gwe-missing")
	if err != nil {
		fmt.Fprintln(os.Stderr, "missing:", err)
		os.Exit(1)
	}
	defer os.RemoveAll(directory)
	if process.Cgroup() == "" {
		lacks(need.Cgroups, "this machine lets gwe make no control group")
	}
	if version, err := kernel.LandlockGetABIVersion(); err != nil || version < 1 {
		lacks(need.Landlock, fmt.Sprintf("the kernel answers with version %d, %v", version, err))
	}
	if err := fuse(filepath.Join(directory, "fuse")); err != nil {
		lacks(need.FUSE, fmt.Sprintf("its device cannot be opened: %v", err))
	}
	if err := chattr(filepath.Join(directory, "immutable")); err != nil {
		lacks(need.Chattr, err.Error())
	}
}

func lacks(thing need.Thing, reason string) { fmt.Printf("%s: %s\n", thing, reason) }

func fuse(device string) error {
	if err := unix.Mknod(device, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 229))); err != nil {
		return err
	}
	handle, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(handle)
	}
	return err
}

func chattr(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	for _, flag := range []string{"+i", "-i"} {
		if said, err := exec.Command("chattr", flag, path).CombinedOutput(); err != nil {
			return fmt.Errorf("chattr %s: %w: %s", flag, err, strings.ReplaceAll(strings.TrimSpace(string(said)), "\n", " "))
		}
	}
	return nil
}
