package command

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/cmd/gwe/trial"
	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

func validateCommand() command {
	return command{
		name:     "validate",
		operands: "RECIPE...",
		offers:   recipeOffers,
		summary:  "check recipes without a device",
		help: `
Grammar, names, types, every expression and every argument are checked; nothing is run, and neither network, rights nor
a state directory are needed. All problems come at once, each at its line and column, with what to write instead; gwe explain
RULE tells more. The exit code is 2 where a recipe is invalid.

RECIPE is a file, a directory (every *.yaml and *.yml below it that says gwe: is checked), - for standard input, or the name of
a shipped recipe.

example:
  gwe validate recipes
  gwe validate --strict --format github .
  gwe validate --format sarif recipes > gwe.sarif`,
		setUp: func(flags *pflag.FlagSet) action {
			format := flags.String("format", "text", "`form` of the diagnostics: text, json, github (annotations of a workflow) or sarif (2.1.0)")
			accepts(flags, "format", "text", "json", "github", "sarif")
			strict := flags.Bool("strict", false, "warnings make a recipe invalid too")
			return func(_ context.Context, console *console, operands []string) error {
				if !slices.Contains([]string{"text", "json", "github", "sarif"}, *format) {
					return usagef("--format is text, json, github or sarif, not %q", *format)
				}
				if len(operands) == 0 {
					return usagef("at least one RECIPE is wanted: a file, a directory, - or the name of a shipped recipe")
				}
				return validate(console, operands, *format, *strict)
			}
		},
	}
}

func validate(console *console, operands []string, format string, strict bool) error {
	catalog, err := console.catalog()
	if err != nil {
		return err
	}
	found, err := recipeFiles(operands)
	if err != nil {
		return err
	}
	library := newLibrary()
	all := schema.Diagnostics{}
	invalid := 0
	for _, operand := range found {
		file, source, err := readRecipe(console, operand)
		if err != nil {
			return err
		}
		library.sources[file] = source
		_, diagnostics := examine(library, file, source, catalog, found)
		if strict {
			diagnostics = diagnostics.Strict()
		}
		all = append(all, diagnostics...)
		if diagnostics.HasErrors() {
			invalid++
		}
	}
	if invalid > 0 {
		console.warnOfPlugins()
	}
	if err := showDiagnostics(console, all, library.sources, format); err != nil {
		return err
	}
	if invalid > 0 {
		if format == "text" {
			fmt.Fprintf(console.stderr, "%d of %d recipes are invalid\n", invalid, len(found))
		}
		return errSilent{engine.ExitUsage}
	}
	return nil
}

// examine checks a recipe, or the tests of one. examined are all files that are.
func examine(library library, file string, source []byte, catalog step.Catalog, examined []string) (valid bool, diagnostics schema.Diagnostics) {
	if strings.HasSuffix(file, trial.Suffix) {
		return examineTests(library, file, source, catalog, examined)
	}
	program, diagnostics := engine.LoadFrom(library, file, source, catalog)
	if program != nil {
		diagnostics = append(diagnostics, proof.Costs(program.Recipe)...)
		diagnostics = append(diagnostics, proof.Unused(program.Recipe, testedSteps(file))...).Sorted()
	}
	return program != nil, diagnostics
}

// testedSteps reports which ids the files of tests beside a recipe name: fail-at: ID.
func testedSteps(file string) func(id string) bool {
	return func(id string) bool {
		beside, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*"+trial.Suffix))
		named := regexp.MustCompile(`-at:\s*["']?` + regexp.QuoteMeta(id) + `\b`)
		return slices.ContainsFunc(beside, func(tests string) bool {
			text, err := regular.ReadForeign(context.Background(), tests, schema.MaxBytes)
			return err == nil && named.Match(text)
		})
	}
}

func showDiagnostics(console *console, all schema.Diagnostics, sources map[string][]byte, format string) error {
	switch format {
	case "json":
		encoder := json.NewEncoder(console.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	case "github":
		return all.RenderGitHub(console.stdout)
	case "sarif":
		return all.RenderSARIF(console.stdout, console.version())
	}
	return all.Render(console.stderr, func(file string) []byte { return sources[file] })
}
