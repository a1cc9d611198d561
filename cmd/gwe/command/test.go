package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/cmd/gwe/trial"
	"github.com/gwe-project/gwe/engine"
)

func testCommand() command {
	return command{
		name:     "test",
		operands: "FILE...",
		offers:   testOffers,
		summary:  "run the tests of recipes, on scratch machines",
		help: `
A file of tests, NAME.test.yaml, lies beside its recipe NAME.yaml. FILE is one, or a directory that is searched for them. Each
test runs the real steps by a real gwe, as root of a machine of its own: an empty tree with the fixture in it, the real
machine's programs read-only, no network, nothing of the real machine within reach. It is thrown away afterwards. Root is
not needed, but namespaces are; where the kernel does not give them, nothing runs, and gwe says what to do.

  gwe-test: 1
  cases:
    - name: a new setting arrives
      fixture: { /etc/app.conf: "speed = 1\n" }      files, links, directories, signed packages, keyrings
      stand-ins: { systemctl: { exit: 0 } }            programs that only write down how they were called
      inputs: { speed: 2 }
      expect:
        exit: 0
        tree: { /etc/app.conf: "speed = 2\n" }        or: as before
        calls: { systemctl: [restart app] }
    - name: whatever fails, all is rolled back
      ...
      fail-at: every                                   every step fails in turn, before it acts and when it has
    - name: whenever gwe is killed, too
      ...
      kill-at: every                                   SIGKILL there, and then gwe recover

docs/writing-recipes.md leads from nothing to a tested recipe, and docs/testing-recipes.md lists every key. The exit code is
0 where all tests pass, 1 where one does not, 2 where a file is invalid.

example:
  gwe test recipes
  gwe test recipes/ota.test.yaml --run 'rolled back' --keep
  gwe test recipes --junit report.xml`,
		setUp: func(flags *pflag.FlagSet) action {
			var options testOptions
			pattern := flags.String("run", "", "only the cases whose name matches the `pattern` (RE2)")
			flags.StringVar(&options.junit, "junit", "", "write the results as JUnit XML to this `file`")
			flags.BoolVar(&options.runner.Keep, "keep", false, "leave the scratch machines' roots on the disk, and say where")
			flags.IntVar(&options.runner.Parallel, "parallel", runtime.NumCPU(), "`number` of scratch machines at a time")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) == 0 {
					return usagef("at least one FILE is wanted: a *%s, or a directory of them", trial.Suffix)
				}
				if *pattern != "" {
					var err error
					if options.runner.Match, err = regexp.Compile(*pattern); err != nil {
						return usagef("--run: %v", err)
					}
				}
				return runTests(ctx, console, operands, options)
			}
		},
	}
}

type testOptions struct {
	runner trial.Runner
	junit  string
}

func runTests(ctx context.Context, console *console, operands []string, options testOptions) error {
	files, err := testFiles(operands)
	if err != nil {
		return err
	}
	suites, err := loadTests(console, files)
	if err != nil {
		return err
	}
	if options.runner.Plugins, err = console.pluginDirectories(); err != nil {
		return err
	}
	var all []trial.Result
	failed := 0
	running := options.runner.Run(ctx, suites, func(results []trial.Result) {
		all = append(all, results...)
		failed += showTests(console, results)
	})
	if options.junit != "" {
		if err := writeJUnit(options.junit, all); err != nil {
			return errors.Join(running, err)
		}
	}
	if running != nil {
		return running
	}
	if len(all) == 0 {
		return usagef("no case matches --run %q", options.runner.Match)
	}
	if console.global.output != "json" {
		if err := showCauses(console, all); err != nil {
			return err
		}
		fmt.Fprintf(console.stdout, "%d passed, %d failed\n", len(all)-failed, failed)
	}
	if failed > 0 {
		return errSilent{engine.ExitErrored}
	}
	return nil
}

// testFiles lists the files of tests that the operands stand for.
func testFiles(operands []string) ([]string, error) {
	var files []string
	for _, operand := range operands {
		info, err := os.Stat(operand)
		if err != nil {
			return nil, usagef("the tests cannot be read: %v", err)
		}
		if !info.IsDir() {
			if !strings.HasSuffix(operand, trial.Suffix) {
				return nil, usagef("%s is not a file of tests: those of NAME.yaml are in NAME%s", operand, trial.Suffix)
			}
			files = append(files, operand)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(operand, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, trial.Suffix) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, usagef("the tests cannot be read: %v", err)
		}
		if len(files) == before {
			return nil, usagef("there are no tests in %s: those of NAME.yaml are in NAME%s", operand, trial.Suffix)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// showTests shows how one case ended, and gives how many of its tests failed.
func showTests(console *console, results []trial.Result) (failed int) {
	if console.global.output == "json" {
		encoder := json.NewEncoder(console.stdout)
		encoder.SetEscapeHTML(false)
		for _, one := range results {
			_ = encoder.Encode(one)
			if !one.Passed() {
				failed++
			}
		}
		return failed
	}
	seconds := 0.0
	for _, one := range results {
		seconds += one.Seconds
		if !one.Passed() {
			failed++
		}
	}
	first := results[0]
	word, about := "ok  ", ""
	switch {
	case failed > 0 && len(results) > 1:
		word, about = "FAIL", fmt.Sprintf(", %d of %d tests", failed, len(results))
	case failed > 0:
		word = "FAIL"
	case len(results) > 1:
		about = fmt.Sprintf(", %d tests", len(results))
	}
	fmt.Fprintf(console.stdout, "%s  %s:%d: %s (%.1f s%s)\n", word, first.File, first.Line, first.Case, seconds, about)
	for _, one := range results {
		if one.Directory != "" {
			fmt.Fprintf(console.stdout, "      kept %s: %s\n", one.Directory, strings.TrimSpace(one.Case+": "+one.Fault))
		}
	}
	return failed
}

// harmless keeps what a program wrote from steering the terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func writeJUnit(file string, all []trial.Result) error {
	out, err := os.Create(file)
	if err != nil {
		return usagef("the report cannot be written: %v", err)
	}
	return errors.Join(trial.WriteJUnit(out, all), out.Close())
}
