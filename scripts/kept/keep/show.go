//go:build amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/scripts/kept"
)

// show prints what is kept of step types.
func show(types []string) error {
	all, err := kept.ReadAll(runs)
	if err != nil {
		return err
	}
	for _, run := range all {
		if !slices.Contains(types, run.Type) {
			continue
		}
		if err := showRun(run); err != nil {
			return err
		}
	}
	return nil
}

func showRun(run kept.Run) (err error) {
	scratch, err := os.MkdirTemp("", "gwe-keep-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	image := filepath.Join(scratch, "disk")
	if err := run.Image(runs, image); err != nil {
		return err
	}
	unmount, err := kept.Mount(image, run.Type)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	fmt.Printf("== %s\n%s", run.Name(), run.Recipe)
	for _, way := range run.Order() {
		s := kept.At("", run.Type, way)
		fmt.Printf("\n== %s: %s\n", way, run.Ways[way])
		tree, err := kept.Picture(s.Path("root"))
		if err != nil {
			return err
		}
		fmt.Print(tree)
		file, err := s.Journal()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Print(string(content))
	}
	return nil
}
