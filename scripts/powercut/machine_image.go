//go:build amd64 || arm64

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// makeMachineImage makes the kernel and the initrd: the programs of the guest are this one, gwe, and what
// hooks call.
func makeMachineImage(base, program string) (directory string, err error) {
	directory = filepath.Join(base, "image")
	tree := filepath.Join(directory, "tree")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(tree, "init"), "./scripts/powercut")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the guest's init: %w\n%s", err, output)
	}
	wanted := []string{program}
	for _, name := range []string{"sh", "cp", "grep", "tail", "sleep", "rm"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		wanted = append(wanted, path)
	}
	for i, path := range wanted {
		to := filepath.Join(tree, "bin", filepath.Base(path))
		if i == 0 {
			to = filepath.Join(tree, "gwe")
		}
		if err := errors.Join(copyProgram(path, to), copyLibraries(path, tree)); err != nil {
			return "", err
		}
	}
	return directory, run("scripts/machine/image", directory, "libcrc32c", "xfs")
}

func copyProgram(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return run("cp", "--dereference", "--preserve=mode", from, to)
}

// copyLibraries copies those that a program is linked with, where it is linked with any, to where it looks
// for them.
func copyLibraries(program, tree string) error {
	text, err := output("ldd", program)
	if err != nil {
		return nil // not a dynamic executable
	}
	for _, word := range strings.Fields(text) {
		if !strings.HasPrefix(word, "/") {
			continue
		}
		if err := copyProgram(word, filepath.Join(tree, word)); err != nil {
			return err
		}
	}
	return nil
}
