package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gwe-project/gwe/scripts/syncs"
)

// size prints how large the program is, as it is built and without what only a debugger reads.
func size(gwe string) error {
	whole, err := os.Stat(gwe)
	if err != nil {
		return err
	}
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", gwe+"-stripped", "./cmd/gwe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %v\n%s", err, output)
	}
	stripped, err := os.Stat(gwe + "-stripped")
	if err != nil {
		return err
	}
	fmt.Printf("\nthe program: %.1f MiB, %.1f MiB without debug information\n", float64(whole.Size())/(1<<20), float64(stripped.Size())/(1<<20))
	return nil
}

// countSyncs prints how often a step asks the kernel to make something durable. It fails where one does so
// too often.
func countSyncs(scratch string) error {
	fmt.Printf("\nfsync, fdatasync and syncfs of a step   forward   back\n")
	var failures []error
	err := syncs.Each(filepath.Join(scratch, "gwe"), scratch, func(count syncs.Count) {
		fmt.Printf("%-37s %9d %6d\n", count.Name, count.Forward, count.Back)
		if count.Forward > syncs.Most {
			failures = append(failures, fmt.Errorf("%s: %d syncs are more than %d", count.Name, count.Forward, syncs.Most))
		}
	})
	return errors.Join(append(failures, err)...)
}
