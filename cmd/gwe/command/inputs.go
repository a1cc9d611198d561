package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// inputFlags are -i and --inputs.
type inputFlags struct {
	values []string
	file   string
}

func (f *inputFlags) declare(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.values, "input", "i", nil, "`NAME=VALUE` of an input; NAME=@FILE, NAME=env:VARIABLE and NAME=fd:NUMBER read it (@@ is a plain @)")
	flags.StringVar(&f.file, "inputs", "", "YAML `file` with inputs; -i wins over it")
}

// read gives the inputs. A secret may come from a file, a variable or a descriptor only: a command line is
// public.
func (f *inputFlags) read(ctx context.Context, console *console) (engine.Inputs, error) {
	given := engine.Inputs{}
	if f.file != "" {
		if err := readInputs(ctx, f.file, given); err != nil {
			return nil, err
		}
	}
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, one := range f.values {
		name, text, found := strings.Cut(one, "=")
		if !found || name == "" {
			return nil, usagef("-i wants NAME=VALUE, not %q", one)
		}
		if seen[name] {
			return nil, usagef("the input %s is given twice: leave one -i %s=... out", name, name)
		}
		seen[name] = true
		value, open, err := indirect(ctx, console, name, text)
		if err != nil {
			return nil, err
		}
		variable := ""
		if after, indirectly := strings.CutPrefix(text, "env:"); indirectly {
			variable = after
		}
		given[name] = engine.Given{Value: value, Directory: directory, Open: open, Variable: variable}
	}
	return given, nil
}

// indirect follows @FILE, env: and fd:. One line end at the end of what is read does not count.
func indirect(ctx context.Context, console *console, name, text string) (value string, open bool, err error) {
	switch {
	case strings.HasPrefix(text, "@@"):
		return text[1:], true, nil
	case strings.HasPrefix(text, "@"):
		content, err := readInput(ctx, text[1:])
		if err != nil {
			return "", false, usagef("input %s: %v (a value that begins with @ is written @@)", name, err)
		}
		return oneLineEndLess(content), false, nil
	case strings.HasPrefix(text, "env:"):
		value := console.environment(text[len("env:"):])
		if value == "" {
			return "", false, usagef("input %s: the variable %s is not set", name, text[len("env:"):])
		}
		return value, false, nil
	case strings.HasPrefix(text, "fd:"):
		number, err := strconv.Atoi(text[len("fd:"):])
		if err != nil || number < 0 {
			return "", false, usagef("input %s: fd: wants the number of an open descriptor", name)
		}
		stream := os.NewFile(uintptr(number), text)
		if stream == nil {
			return "", false, usagef("input %s: there is no descriptor %d", name, number)
		}
		defer stream.Close()
		content, err := readAtMost(stream, schema.MaxBytes+1)
		content, err = bounded(content, err, text)
		if err != nil {
			return "", false, usagef("input %s: %v", name, err)
		}
		return oneLineEndLess(content), false, nil
	}
	return text, true, nil
}

// readInput reads a file that holds an input, or all of them.
func readInput(ctx context.Context, file string) ([]byte, error) {
	content, err := regular.ReadHead(ctx, file, schema.MaxBytes+1)
	return bounded(content, err, file)
}

// bounded refuses what is longer than a recipe: inputs are kept with the run.
func bounded(content []byte, err error, name string) ([]byte, error) {
	if err == nil && len(content) > schema.MaxBytes {
		err = fmt.Errorf("%s holds more than %d bytes, which is the most that an input has: hand over the path of a file", name, schema.MaxBytes)
	}
	return content, err
}

func oneLineEndLess(content []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
}

// readInputs reads --inputs. Each value is read by the type of its input. Paths in it are relative to the
// file that says them.
func readInputs(ctx context.Context, file string, given engine.Inputs) error {
	content, err := readInput(ctx, file)
	if err != nil {
		return usagef("the inputs cannot be read: %v", err)
	}
	values, err := value.ReadDocuments(content)
	if err != nil {
		return usagef("%s: %v", file, err)
	}
	directory, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return err
	}
	for name, written := range values {
		given[name] = engine.Given{Value: written, Directory: directory}
	}
	return nil
}
