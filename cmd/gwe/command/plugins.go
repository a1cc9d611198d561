package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/step"
)

// directories is a flag that may be given many times, before the command and after it.
type directories []string

func (f *directories) String() string { return "" }
func (f *directories) Type() string   { return "directory" }
func (f *directories) Set(directory string) error {
	*f = append(*f, directory)
	return nil
}

// pluginDirectories is where plugins are looked for: of one type in two of them the first counts.
func (c *console) pluginDirectories() ([]string, error) {
	var all []string
	for _, given := range c.global.plugins {
		directory, err := filepath.Abs(given)
		if err != nil {
			return nil, err
		}
		status, err := os.Stat(directory)
		switch {
		case err != nil && c.forgiving:
			fmt.Fprintf(c.stderr, "gwe: warning: --plugin-dir: %v: runs that need a plugin of it stay as they are\n", err)
			continue
		case err != nil:
			return nil, usagef("--plugin-dir: %v", err)
		case !status.IsDir():
			return nil, usagef("--plugin-dir %s is not a directory", given)
		}
		all = append(all, directory)
	}
	all = append(all, plugin.SystemDirectory)
	if home := c.environment("HOME"); filepath.IsAbs(home) {
		all = append(all, filepath.Join(home, plugin.UserDirectory))
	}
	return all, nil
}

// catalog is gwe's own step types and the plugins. A plugin that cannot be used is left out: it shall not
// keep other recipes from running. A command that may need it calls warnOfPlugins.
func (c *console) catalog() (step.Catalog, error) {
	if c.known != nil {
		return c.known, nil
	}
	where, err := c.pluginDirectories()
	if err != nil {
		return nil, err
	}
	found, problems := plugin.Find(where, c.live)
	c.known = slices.Clone(c.line.Catalog)
	for _, one := range found {
		name := one.About().Name
		if _, taken := c.line.Catalog.Find(name); taken {
			problems = append(problems, plugin.Problem{Path: one.Path(), Err: fault.New(fault.Refused, "plugin-shadows",
				"the plugin %s has the name of a step type of gwe's own, which counts", one.Path()).WithHint("give it another name, with the vendor's in it")})
			continue
		}
		c.known = append(c.known, one)
	}
	if c.disturb != nil {
		c.known = c.disturb(c.known)
	}
	c.unusable = problems
	return c.known, nil
}

// warnOfPlugins says once which plugins were left out of the catalog, and why.
func (c *console) warnOfPlugins() {
	for _, problem := range c.unusable {
		fmt.Fprintf(c.stderr, "gwe: warning: left out: %v\n", problem.Err)
		if f := fault.As(problem.Err); f != nil && f.Hint != "" {
			fmt.Fprintln(c.stderr, "  = "+f.Hint)
		}
	}
	c.unusable = nil
}

func describePluginCommand() command {
	return command{
		name:     "steps describe",
		operands: "PLUGIN...",
		offers:   anyFile,
		summary:  "ask plugins what they are, and keep the answer beside them",
		help: `
PLUGIN is an executable gwe-step-TYPE. It is asked to describe its arguments, outputs, effects and undo; the answer is
checked and written beside it as gwe-step-TYPE.json, with the SHA-256 of the executable. Only this command and a run
execute plugins: validate, plan, schema and steps read that file. Do it where the plugin is installed, after each change of it.

example:
  gwe steps describe /usr/lib/gwe/steps/gwe-step-*`,
		setUp: func(*pflag.FlagSet) action {
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) == 0 {
					return usagef("at least one PLUGIN is wanted: an executable %sTYPE", plugin.Prefix)
				}
				for _, operand := range operands {
					if strings.HasSuffix(operand, ".json") || strings.HasSuffix(operand, ".yaml") {
						continue // what lies beside plugins, when a shell's * named all
					}
					path, err := pluginPath(operand)
					if err != nil {
						return err
					}
					description, err := plugin.Ask(ctx, path)
					if err != nil {
						return err
					}
					target, err := plugin.Save(path, description)
					if err != nil {
						return err
					}
					fmt.Fprintf(console.stdout, "%s: %s\n", plugin.TypeName(path), target)
				}
				return nil
			}
		},
	}
}

// pluginPath is a PLUGIN operand, absolute.
func pluginPath(operand string) (string, error) {
	if !strings.HasPrefix(filepath.Base(operand), plugin.Prefix) {
		return "", usagef("%s is not a plugin: those are executables named %sTYPE", operand, plugin.Prefix)
	}
	return filepath.Abs(operand)
}
