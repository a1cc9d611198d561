package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// syncs prints how often a step asks the kernel to make something durable. A run of one step is taken away from one of
// eleven: what is left is ten steps.
func syncs(scratch string) error {
	if _, err := exec.LookPath("strace"); err != nil {
		return errors.New("missing: strace; on Debian: apt-get install strace")
	}
	folder := filepath.Join(scratch, "synced")
	fmt.Printf("\nfsync, fdatasync and syncfs of a step\n")
	for _, one := range []struct{ name, step string }{
		{"write", "write: { path: %s, content: x }"},
		{"swap-link", "swap-link: { link: %s, to: / }"},
		{"mkdir", "mkdir: { path: %s }"},
		{"run", "run: { argv: [\"true\", %s] }\n    undo: none"},
	} {
		var counts [2]int
		for i, steps := range []int{1, 11} {
			if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o755)); err != nil {
				return err
			}
			var text strings.Builder
			for number := range steps {
				fmt.Fprintf(&text, "  - "+one.step+"\n", filepath.Join(folder, fmt.Sprint(number)))
			}
			file, trace := filepath.Join(scratch, "synced.yaml"), filepath.Join(scratch, "synced.trace")
			if err := os.WriteFile(file, []byte(recipe(text.String())), 0o644); err != nil {
				return err
			}
			if _, err := timed("strace", "-f", "-o", trace, "-e", "trace=fsync,fdatasync,syncfs",
				filepath.Join(scratch, "gwe"), "--state-dir", filepath.Join(folder, "state"), "run", file); err != nil {
				return err
			}
			lines, err := os.ReadFile(trace)
			if err != nil {
				return err
			}
			// A call that another thread interrupts has a second line, which says so instead of the arguments.
			counts[i] = strings.Count(string(lines), "sync(") + strings.Count(string(lines), "syncfs(")
		}
		fmt.Printf("%-12s %4.1f\n", one.name, float64(counts[1]-counts[0])/10)
	}
	return nil
}
