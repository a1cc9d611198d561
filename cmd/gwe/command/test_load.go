package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/cmd/gwe/trial"
	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

// invalidRecipe is the error of a file of tests whose recipe is not valid: the recipe's own diagnostics say
// why.
type invalidRecipe struct {
	file        string
	diagnostics schema.Diagnostics
}

func (e invalidRecipe) Error() string { return e.file + " is not a valid recipe" }

// loadTests reads files of tests and their recipes, and shows all that is wrong with them. Where anything is,
// no test runs.
func loadTests(console *console, files []string) ([]*trial.Suite, error) {
	catalog, err := console.catalog()
	if err != nil {
		return nil, err
	}
	var suites []*trial.Suite
	all, library := schema.Diagnostics{}, newLibrary()
	shown := map[string]bool{}
	var broken []string
	invalid := false
	for _, file := range files {
		_, source, err := readRecipe(console, file)
		if err != nil {
			return nil, err
		}
		library.sources[file] = source
		suite, diagnostics, err := trial.Load(file, source, func(operand string) (trial.Recipe, error) {
			recipe, warnings, err := testedRecipe(library, operand, catalog)
			if !shown[operand] {
				all = append(all, warnings...)
			}
			shown[operand] = true
			return recipe, err
		})
		var recipe invalidRecipe
		switch {
		case errors.As(err, &recipe):
			broken = append(broken, fmt.Sprintf("%s: its recipe %s is not valid", file, recipe.file))
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, diagnostics...)
		suites = append(suites, suite)
		invalid = invalid || suite == nil
	}
	if invalid {
		console.warnOfPlugins()
	}
	if err := all.Render(console.stderr, library.source); err != nil {
		return nil, err
	}
	for _, one := range broken {
		fmt.Fprintf(console.stderr, "gwe: %s, so no test ran\n", one)
	}
	if invalid {
		return nil, errSilent{engine.ExitUsage}
	}
	return suites, nil
}

// testedRecipe compiles the recipe of a file of tests. The diagnostics are those of a valid one: warnings.
func testedRecipe(library library, operand string, catalog step.Catalog) (trial.Recipe, schema.Diagnostics, error) {
	file, source, err := readRecipe(nil, operand)
	if err != nil {
		return trial.Recipe{}, nil, err
	}
	recipe := trial.Recipe{Operand: operand}
	if strings.Contains(operand, "/") {
		file = filepath.Clean(file)
	} else {
		recipe.Shipped = source
	}
	library.sources[file] = source
	program, diagnostics := engine.LoadFrom(library, file, source, catalog)
	if program == nil {
		return trial.Recipe{}, diagnostics, invalidRecipe{file, diagnostics}
	}
	recipe.Program = program
	return recipe, diagnostics, nil
}

// examineTests checks a file of tests against its recipe. Where that is not valid, its own diagnostics come
// too, unless it is among the files that are examined anyway.
func examineTests(library library, file string, source []byte, catalog step.Catalog, examined []string) (valid bool, diagnostics schema.Diagnostics) {
	suite, diagnostics, err := trial.Load(file, source, func(operand string) (trial.Recipe, error) {
		recipe, _, err := testedRecipe(library, operand, catalog)
		return recipe, err
	})
	if err == nil {
		return suite != nil, diagnostics
	}
	wrong := schema.Diagnostic{
		Severity: schema.Error, Rule: "recipe-invalid", File: file, Span: schema.Span{Position: schema.Position{Line: 1, Column: 1}},
		Message: "the recipe of these tests cannot be used: " + err.Error(), Hint: "write recipe: NAME.yaml, relative to this file",
	}
	var recipe invalidRecipe
	if !errors.As(err, &recipe) {
		return false, append(diagnostics, wrong)
	}
	wrong.Hint = "see what is wrong with the recipe: gwe validate " + recipe.file
	for _, one := range examined {
		if filepath.Clean(one) == recipe.file {
			return false, append(diagnostics, wrong)
		}
	}
	wrong.Hint = "put the recipe right first: what is wrong with it follows"
	return false, append(append(diagnostics, wrong), recipe.diagnostics...)
}
