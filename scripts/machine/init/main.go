// Command init is the only program of a machine beside gwe: process 1 of a kernel in QEMU. It chooses a
// system as a boot loader does, sets the clock to nonsense, runs gwe, and says on the console what became of
// it.
//
// As "init reboot" it reboots the machine, as "init boot SLOT" it chooses the system of the next boot.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/scripts/machine/boot"
)

const (
	disk    = "/disk"
	chosen  = disk + "/slot"
	running = "/run/slot"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "reboot":
		unix.Sync()
		fmt.Println("reboot:", unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
		os.Exit(1)
	case len(os.Args) == 3 && os.Args[1] == "boot":
		if err := os.WriteFile(chosen, []byte(os.Args[2]), 0o644); err != nil {
			fmt.Println("boot:", err)
			os.Exit(1)
		}
		return
	}
	if err := live(); err != nil {
		fmt.Println("MACHINE broken:", err)
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// live is one boot of the machine: the first one starts the recipe, each other one recovers.
func live() error {
	if err := errors.Join(boot.Mount(), os.MkdirAll(disk, 0o755)); err != nil {
		return err
	}
	if err := unix.Mount("/dev/vda", disk, "ext4", 0, ""); err != nil {
		return err
	}
	scenario := boot.Parameter("scenario")
	boots := len(read(disk+"/boots")) + 1
	slot := read(chosen)
	if slot == "" {
		slot = "a" // a new disk
	}
	if scenario == "fallback" {
		slot = "a" // the other system does not come up
	}
	err := errors.Join(
		os.MkdirAll("/run", 0o755),
		os.WriteFile(disk+"/boots", []byte(strings.Repeat(".", boots)), 0o644),
		os.WriteFile(running, []byte(slot), 0o644),
		setClock(boots),
	)
	if err != nil {
		return err
	}
	arguments := []string{"recover", "--state-dir", disk + "/state"}
	if boots == 1 {
		arguments = []string{"run", "/recipe.yaml", "--state-dir", disk + "/state", "-i", "scenario=" + scenario}
	}
	gwe := run(arguments...)
	if scenario == "way-back" && boots == 2 {
		gwe = run("rollback", "--state-dir", disk+"/state")
	}
	fmt.Printf("MACHINE boot=%d slot=%s chosen=%s before=%s behind=%s clock=%d exit=%d\n",
		boots, slot, read(chosen), read(disk+"/before"), read(disk+"/behind"), time.Now().Year(), gwe.ProcessState.ExitCode())
	if gwe.ProcessState.ExitCode() == 75 {
		time.Sleep(30 * time.Second) // the kernel restarts the machine long before
		return errors.New("the machine did not reboot")
	}
	return nil
}

func run(arguments ...string) *exec.Cmd {
	gwe := exec.Command("/gwe", arguments...)
	gwe.Stdout, gwe.Stderr = os.Stdout, os.Stdout
	gwe.Env = []string{"PATH=/", "HOME=/"}
	_ = gwe.Run()
	return gwe
}

// setClock goes back to 1970 at the second boot, and far ahead at the third.
func setClock(boots int) error {
	at := map[int]int64{2: 100, 3: 4_000_000_000}[boots]
	if at == 0 {
		return nil
	}
	now := unix.NsecToTimeval(at * 1e9)
	return unix.Settimeofday(&now)
}

func read(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
