// Command steps measures what a step costs that does nothing: in gwe, which makes it durable and undoable, in
// ansible-playbook and in task, in one run on this machine. It measures besides what a step of each type
// costs, of another gwe too, how gwe's cost grows with the number of steps, and how long `gwe validate`
// takes, how long a recovery takes, how often a step of each type syncs, and how large the program is. It
// judges nothing but the syncs: it prints medians and their ratios.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

const taskVersion = "v3.38.0"

func main() {
	short := pflag.Bool("short", false, "few steps and one round: shows that it works, measures nothing")
	rounds := pflag.Int("rounds", 5, "how often each is measured")
	count := pflag.Int("steps", 30, "steps of the longer recipe that is compared")
	most := pflag.Int("most", 10_000, "steps of gwe's longest recipe")
	older := pflag.String("older", "", "another gwe that the steps of each type are compared with")
	only := pflag.Bool("by-type", false, "measure nothing but the steps of each type")
	chosen := pflag.StringSlice("types", nil, "of --by-type, how the names of the measured types begin; all if none is named")
	pflag.Parse()
	each := 200
	if *short {
		*rounds, *count, *most, each = 1, 3, 100, 3
	}
	var err error
	if *only {
		err = alone(*rounds, each, *older, *chosen)
	} else {
		err = bench(*rounds, *count, *most, each, *older)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// built calls with a scratch directory, in which gwe is built as a device gets it.
func built(measure func(scratch string) error) (err error) {
	scratch, err := os.MkdirTemp("", "gwe-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	build := exec.Command("go", "build", "-o", filepath.Join(scratch, "gwe"), "./cmd/gwe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %v\n%s", err, output)
	}
	if err := size(filepath.Join(scratch, "gwe")); err != nil {
		return err
	}
	return measure(scratch)
}

// alone measures nothing but the steps of the chosen types.
func alone(rounds, each int, older string, chosen []string) error {
	return built(func(scratch string) error { return byType(scratch, older, rounds, each, chosen) })
}

func bench(rounds, count, most, each int, older string) error {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		return errors.New("missing: ansible-playbook; on Debian: apt-get install ansible-core")
	}
	return built(func(scratch string) error { return all(scratch, rounds, count, most, each, older) })
}

func all(scratch string, rounds, count, most, each int, older string) error {
	install := exec.Command("go", "install", "github.com/go-task/task/v3/cmd/task@"+taskVersion)
	install.Env = append(os.Environ(), "GOBIN="+scratch, "GOFLAGS=")
	if output, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("go install: %v\n%s", err, output)
	}
	if err := compare(scratch, rounds, count); err != nil {
		return err
	}
	if err := byType(scratch, older, rounds, each, nil); err != nil {
		return err
	}
	if err := countSyncs(scratch); err != nil {
		return err
	}
	if err := recovery(scratch, rounds); err != nil {
		return err
	}
	return grow(scratch, rounds, most)
}

// peer is a program that carries out steps which do nothing.
type peer struct {
	name string
	// file is the recipe, playbook or taskfile of that many steps.
	file func(steps int) string
	run  func(file string) []string
}

func peers(scratch string) []peer {
	gwe := func(step string) peer {
		return peer{"gwe, " + strings.Fields(step)[0], func(steps int) string { return recipe(strings.Repeat("  - "+step+"\n", steps)) },
			func(file string) []string {
				return []string{filepath.Join(scratch, "gwe"), "--state-dir", filepath.Join(scratch, "state"), "run", file}
			}}
	}
	return []peer{
		gwe("run: { argv: [\"true\"] }\n    undo: none"),
		{"ansible-playbook, command", func(steps int) string {
			return "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n" + strings.Repeat("    - command: \"true\"\n", steps)
		}, func(file string) []string { return []string{"ansible-playbook", "-i", "localhost,", file} }},
		{"task, cmd", func(steps int) string {
			return "version: '3'\ntasks:\n  default:\n    cmds:\n" + strings.Repeat("      - /bin/true\n", steps)
		}, func(file string) []string { return []string{filepath.Join(scratch, "task"), "--taskfile", file} }},
		gwe(`assert: { that: true, message: never }`),
	}
}

func recipe(steps string) string { return "gwe: 1\nname: nothing\nsteps:\n" + steps }

// compare measures one step and many: the difference is what the steps cost, the rest is the start.
func compare(scratch string, rounds, count int) error {
	all := peers(scratch)
	starts, costs := make([][]float64, len(all)), make([][]float64, len(all))
	for range rounds {
		for i, one := range all {
			few, err := one.measure(scratch, 1)
			if err != nil {
				return err
			}
			many, err := one.measure(scratch, count)
			if err != nil {
				return err
			}
			starts[i] = append(starts[i], few)
			costs[i] = append(costs[i], (many-few)/float64(count-1))
		}
	}
	fmt.Printf("\nmedians of %d rounds      a step that does nothing   a run of one step\n", rounds)
	for i, one := range all {
		fmt.Printf("%-28s %10.2f ms (%5.1fx)   %10.1f ms (%5.1fx)\n", one.name,
			1000*median(costs[i]), median(costs[i])/median(costs[0]), 1000*median(starts[i]), median(starts[i])/median(starts[0]))
	}
	return nil
}

func (p peer) measure(scratch string, steps int) (seconds float64, err error) {
	file := filepath.Join(scratch, "steps.yaml")
	if err := os.WriteFile(file, []byte(p.file(steps)), 0o644); err != nil {
		return 0, err
	}
	return timed(p.run(file)...)
}

func timed(words ...string) (seconds float64, err error) {
	began := time.Now()
	output, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %v\n%.2000s", strings.Join(words, " "), err, output)
	}
	return time.Since(began).Seconds(), nil
}

// grown is a recipe of some number of steps, all of one sort.
type grown struct {
	name  string
	steps func(count int) string
	// share is how many times fewer steps it gets, because each one costs more.
	share int
}

func recipesThatGrow(scratch string) []grown {
	return []grown{
		{"assert", func(count int) string {
			return strings.Repeat("  - assert: { that: true, message: never }\n", count)
		}, 1},
		{"ids that are read", func(count int) string {
			var text strings.Builder
			for i := range (count + 1) / 2 {
				fmt.Fprintf(&text, "  - read-link: /proc/self/exe\n    id: s_%d\n", i)
				fmt.Fprintf(&text, "  - assert: { that: \"${{ steps.s_%d.found && steps.s_%d.found }}\", message: never }\n", i, i/2)
			}
			return text.String()
		}, 1},
		{"groups of ten", func(count int) string {
			return strings.Repeat("  - steps:\n"+strings.Repeat("      - assert: { that: true, message: never }\n", 9), max(1, count/10))
		}, 1},
		{"for-each", func(count int) string {
			return "  - for-each: [" + strings.Repeat("x, ", count) + "]\n    assert: { that: \"${{ index >= 0 }}\", message: never }\n"
		}, 1},
		{"write", func(count int) string {
			return strings.Repeat(fmt.Sprintf("  - write: { path: %s, content: x }\n", filepath.Join(scratch, "written")), count)
		}, 10},
	}
}

// grow measures how gwe's times grow: each row has ten times the steps of the one before.
func grow(scratch string, rounds, most int) error {
	gwe := filepath.Join(scratch, "gwe")
	fmt.Printf("\ngwe, steps of one sort               steps     validate          run     a step\n")
	for _, one := range recipesThatGrow(scratch) {
		for count := min(100, most); count <= most; count *= 10 {
			steps := count / one.share
			file := filepath.Join(scratch, "grown.yaml")
			if err := os.WriteFile(file, []byte(recipe(one.steps(steps))), 0o644); err != nil {
				return err
			}
			var validated, ran []float64
			for range rounds {
				seconds, err := timed(gwe, "validate", file)
				if err != nil {
					return err
				}
				validated = append(validated, seconds)
				// A state of its own: what earlier runs left is not part of the cost of a step.
				if seconds, err = timed(gwe, "--state-dir", filepath.Join(scratch, "grown"), "run", file); err != nil {
					return err
				}
				ran = append(ran, seconds)
				if err := os.RemoveAll(filepath.Join(scratch, "grown")); err != nil {
					return err
				}
			}
			fmt.Printf("%-32s %9d %9.1f ms %9.1f ms %7.3f ms\n", one.name, steps,
				1000*median(validated), 1000*median(ran), 1000*median(ran)/float64(steps))
		}
	}
	return hundred(scratch, rounds)
}

// hundred measures the validation of a hundred copies of a shipped recipe.
func hundred(scratch string, rounds int) error {
	source, err := os.ReadFile("recipes/ota.yaml")
	if err != nil {
		return err
	}
	words := []string{filepath.Join(scratch, "gwe"), "validate"}
	for i := range 100 {
		file := filepath.Join(scratch, fmt.Sprintf("ota-%d.yaml", i))
		if err := os.WriteFile(file, source, 0o644); err != nil {
			return err
		}
		words = append(words, file)
	}
	var times []float64
	for range rounds {
		seconds, err := timed(words...)
		if err != nil {
			return err
		}
		times = append(times, seconds)
	}
	fmt.Printf("\ngwe validate, a hundred recipes like ota.yaml: %.0f ms\n", 1000*median(times))
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
