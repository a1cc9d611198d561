package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// typed is a step of some type, many times: each in a file or directory of its own. TREE and NUMBER stand for
// where it works.
type typed struct {
	name, step string
	// arrange makes what step NUMBER finds in TREE; nil where it finds nothing.
	arrange func(tree string, number int) error
}

func fileThere(tree string, number int) error {
	return os.WriteFile(filepath.Join(tree, fmt.Sprintf("file-%d", number)), []byte("old\n"), 0o644)
}

func directoryThere(tree string, number int) error {
	directory := filepath.Join(tree, fmt.Sprintf("directory-%d", number))
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	for number := range 20 {
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprintf("file-%d", number)), []byte("new\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var types = []typed{
	{"assert", "assert: { that: true, message: never }", nil},
	{"run", "run: { argv: [\"true\"] }\n    undo: none", nil},
	{"write, a new file", "write: { path: TREE/new-NUMBER, content: x }", nil},
	{"write, over a file", "write: { path: TREE/file-NUMBER, content: x }", fileThere},
	{"copy", "copy: { from: TREE/file-NUMBER, to: TREE/new-NUMBER }", fileThere},
	{"template", "template: { from: TREE/file-NUMBER, to: TREE/new-NUMBER }", fileThere},
	{"move", "move: { from: TREE/file-NUMBER, to: TREE/new-NUMBER }", fileThere},
	{"remove", "remove: TREE/file-NUMBER", fileThere},
	{"chmod", "chmod: { path: TREE/file-NUMBER, mode: \"0600\" }", fileThere},
	{"mkdir", "mkdir: TREE/new-NUMBER", nil},
	{"symlink", "symlink: { link: TREE/new-NUMBER, to: x }", nil},
	{"swap-link", "swap-link: { link: TREE/new-NUMBER, to: TREE/directory-NUMBER }", directoryThere},
	{"rsync of twenty files", "rsync: { source: TREE/directory-NUMBER, target: TREE/new-NUMBER }", directoryThere},
}

// byType prints what a step of each type costs, time and the processor's: the difference between count steps
// and one. older is another gwe that the same is measured of, in turn; "" is none. Its ratios are the medians
// of the rounds' ratios: both met the same machine in a round.
func byType(scratch, older string, rounds, count int, chosen []string) error {
	programs := []string{filepath.Join(scratch, "gwe-stripped")}
	fmt.Printf("\na step of %-26s time       processor", fmt.Sprintf("%d, without the start", count))
	if older != "" {
		programs = append(programs, older)
		fmt.Printf("   than %s: time, processor", older)
	}
	fmt.Println()
	for _, one := range types {
		if chosen != nil && !slices.ContainsFunc(chosen, func(name string) bool { return strings.HasPrefix(one.name, name) }) {
			continue
		}
		spent, ratios := [2][]float64{}, [2][]float64{}
		for round := range rounds {
			costs, err := one.cost(programs, scratch, count, round%2 == 1)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			for kind := range spent {
				spent[kind] = append(spent[kind], costs[0][kind])
				ratios[kind] = append(ratios[kind], costs[0][kind]/costs[len(costs)-1][kind])
			}
		}
		fmt.Printf("%-30s %7.3f ms %7.3f ms", one.name, 1000*median(spent[0]), 1000*median(spent[1]))
		if older != "" {
			fmt.Printf("   %6.2fx %6.2fx", median(ratios[0]), median(ratios[1]))
		}
		fmt.Println()
	}
	return nil
}

// cost is what one step takes in each program, and what the processor works for it, in seconds. The last
// program goes first where turned.
func (t typed) cost(programs []string, scratch string, count int, turned bool) (costs [][2]float64, err error) {
	costs = make([][2]float64, len(programs))
	for i := range programs {
		if turned {
			i = len(programs) - 1 - i
		}
		start, startWork, err := t.measure(programs[i], scratch, 1)
		if err != nil {
			return nil, err
		}
		took, worked, err := t.measure(programs[i], scratch, count)
		if err != nil {
			return nil, err
		}
		steps := float64(count - 1)
		costs[i] = [2]float64{(took - start) / steps, (worked - startWork) / steps}
	}
	return costs, nil
}

// measure runs a recipe of that many steps in a new tree, with a state of its own, and gives seconds.
func (t typed) measure(gwe, scratch string, count int) (took, worked float64, err error) {
	site, err := os.MkdirTemp(scratch, "site-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(site)) }()
	tree, locks := filepath.Join(site, "tree"), filepath.Join(site, "locks")
	if err := errors.Join(os.Mkdir(tree, 0o755), os.Mkdir(locks, 0o700)); err != nil {
		return 0, 0, err
	}
	var steps strings.Builder
	for number := range count {
		if t.arrange != nil {
			if err := t.arrange(tree, number); err != nil {
				return 0, 0, err
			}
		}
		steps.WriteString("  - " + strings.NewReplacer("TREE", tree, "NUMBER", fmt.Sprint(number)).Replace(t.step) + "\n")
	}
	file := filepath.Join(site, "recipe.yaml")
	if err := os.WriteFile(file, []byte(recipe(steps.String())), 0o644); err != nil {
		return 0, 0, err
	}
	syscall.Sync() // what others have to write is not part of it
	run := exec.Command(gwe, "--state-dir", filepath.Join(site, "state"), "run", file)
	run.Env = append(os.Environ(), "GWE_LOCK_DIR="+locks)
	began := time.Now()
	if output, err := run.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("%w\n%.2000s", err, output)
	}
	return time.Since(began).Seconds(), (run.ProcessState.UserTime() + run.ProcessState.SystemTime()).Seconds(), nil
}
