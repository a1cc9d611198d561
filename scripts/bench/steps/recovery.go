package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// recovered is how many steps the run has that is killed in its last one.
const recovered = 20

// recovery measures how long it takes to roll back a run that was killed at its end: 19 written files and a
// program that runs still.
func recovery(scratch string, rounds int) error {
	var times []float64
	for range rounds {
		seconds, err := recoverOnce(filepath.Join(scratch, "gwe"), filepath.Join(scratch, "recovered"))
		if err != nil {
			return err
		}
		times = append(times, seconds)
	}
	fmt.Printf("\ngwe recover of a run of %d steps, killed in the last one: %.0f ms\n", recovered, 1000*median(times))
	return nil
}

func recoverOnce(gwe, directory string) (seconds float64, err error) {
	if err := os.Mkdir(directory, 0o755); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	var steps strings.Builder
	for number := range recovered - 1 {
		fmt.Fprintf(&steps, "  - write: { path: %s/file-%d, content: x }\n", directory, number)
	}
	begun := filepath.Join(directory, "begun")
	fmt.Fprintf(&steps, "  - run: { argv: [sh, -c, \"touch %s; exec sleep 600\"] }\n    undo: none\n", begun)
	file, state := filepath.Join(directory, "recipe.yaml"), filepath.Join(directory, "state")
	if err := os.WriteFile(file, []byte(recipe(steps.String())), 0o644); err != nil {
		return 0, err
	}
	var said bytes.Buffer
	run := exec.Command(gwe, "--state-dir", state, "run", file)
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	for there := false; !there; {
		select {
		case err := <-ended:
			return 0, fmt.Errorf("the run ended before it was killed: %v\n%s", err, said.String())
		case <-time.After(5 * time.Millisecond):
			_, err := os.Lstat(begun)
			there = err == nil
		}
	}
	if err := run.Process.Kill(); err != nil {
		return 0, err
	}
	<-ended
	if seconds, err = timed(gwe, "--state-dir", state, "recover"); err != nil {
		return 0, err
	}
	if left, err := filepath.Glob(filepath.Join(directory, "file-*")); err != nil || len(left) > 0 {
		return 0, fmt.Errorf("not rolled back: %v, %v", left, err)
	}
	return seconds, nil
}
