package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps/conformance"
)

// casesSuffix is how the name of the file with a plugin's cases ends.
const casesSuffix = ".check.yaml"

func checkPluginCommand() command {
	return command{
		name:     "steps check",
		operands: "PLUGIN",
		offers:   first(anyFile),
		summary:  "hold a plugin to all that a step type promises",
		help: `
PLUGIN is an executable gwe-step-TYPE. It is asked to describe itself, and is then carried out for real on small trees in
the directory for temporary files: planned, prepared, done, undone, undone twice, undone after nothing, stopped at every moment
at which it shows a sign of life, and undone then. The trees before and after are compared to the last byte, mode, owner,
attribute and time. The cases, each a small tree and the arguments, stand in PLUGIN.check.yaml:

  cases:
    - name: changes a key
      fixture: { /etc/app.ini: "[a]\nb = 1\n" }       also { content: x, mode: "0600" }, { folder: true }, { link: x }
      arguments: { file: "${{ root }}/etc/app.ini", key: b, value: "2" }
      idle: false            true where the machine is already as wanted
      forget: []             paths that undo may not need
      untimed: {}            files whose times undo cannot bring back, each with the reason; they are printed

The exit code is 0 where all promises are kept, and 1 where one is not.

example:
  gwe steps check ./gwe-step-ini-key`,
		setUp: func(flags *pflag.FlagSet) action {
			file := flags.String("cases", "", "the `file` with the cases (default PLUGIN"+casesSuffix+")")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) != 1 {
					return usagef("one PLUGIN is wanted: an executable %sTYPE", plugin.Prefix)
				}
				path, err := pluginPath(operands[0])
				if err != nil {
					return err
				}
				if *file == "" {
					*file = path + casesSuffix
				}
				return checkPlugin(ctx, console, path, *file)
			}
		},
	}
}

func checkPlugin(ctx context.Context, console *console, path, file string) error {
	text, err := regular.ReadForeign(ctx, file, schema.MaxBytes)
	if err != nil {
		return usagef("the cases cannot be read: %v\nsee `gwe steps check --help` for their form", err)
	}
	scenarios, err := conformance.ReadScenarios(text)
	if err != nil {
		return usagef("%s: %v", file, err)
	}
	description, err := plugin.Ask(ctx, path)
	if err != nil {
		return err
	}
	broken := 0
	if beside, err := regular.ReadForeign(ctx, path+".json", schema.MaxBytes); !errors.Is(err, fs.ErrNotExist) && !bytes.Equal(beside, description.Text()) {
		fmt.Fprintf(console.stdout, "FAILED  the description beside it\n          it is not of this executable: run `gwe steps describe %s`\n", path)
		broken++
	}
	tried, count := plugin.New(description, path, true), 0
	for _, scenario := range scenarios {
		fmt.Fprintf(console.stdout, "%s: %s\n", plugin.TypeName(path), scenario.Name)
		for _, name := range slices.Sorted(maps.Keys(scenario.Untimed)) {
			fmt.Fprintf(console.stdout, "  exempt  the times of %s: %s\n", name, scenario.Untimed[name])
		}
		for _, check := range conformance.Checks() {
			findings := held(ctx, check, scenario.Of(tried))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			count++
			if len(findings) == 0 {
				fmt.Fprintf(console.stdout, "  ok      %s\n", check.Name)
				continue
			}
			broken++
			fmt.Fprintf(console.stdout, "  FAILED  %s\n", check.Name)
			for _, finding := range findings {
				fmt.Fprintf(console.stdout, "          %s\n", strings.ReplaceAll(strings.TrimSpace(finding), "\n", "\n          "))
			}
		}
	}
	if broken > 0 {
		fmt.Fprintf(console.stdout, "%d of %d checks failed\n", broken, count)
		return errSilent{engine.ExitErrored}
	}
	fmt.Fprintf(console.stdout, "all %d checks passed\n", count)
	return nil
}

// held carries one check out and gives what it found.
func held(ctx context.Context, check conformance.Check, c conformance.Case) []string {
	kept := &findings{ctx: ctx}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		check.Run(kept, c)
	}()
	<-ended
	for _, directory := range kept.directories {
		if err := os.RemoveAll(directory); err != nil {
			kept.Errorf("what the check made cannot be removed: %v", err)
		}
	}
	return kept.all
}

// findings is a conformance.T.
type findings struct {
	ctx         context.Context
	all         []string
	directories []string
}

func (f *findings) Helper()                  {}
func (f *findings) Context() context.Context { return f.ctx }
func (f *findings) Failed() bool             { return len(f.all) > 0 }

func (f *findings) TempDir() string {
	directory, err := os.MkdirTemp("", "gwe-check-")
	if err != nil {
		f.Fatal(err)
	}
	f.directories = append(f.directories, directory)
	return directory
}

func (f *findings) Error(arguments ...any) { f.all = append(f.all, fmt.Sprint(arguments...)) }

func (f *findings) Errorf(format string, arguments ...any) {
	f.all = append(f.all, fmt.Sprintf(format, arguments...))
}

func (f *findings) Fatal(arguments ...any) {
	f.Error(arguments...)
	runtime.Goexit()
}

func (f *findings) Fatalf(format string, arguments ...any) {
	f.Errorf(format, arguments...)
	runtime.Goexit()
}
