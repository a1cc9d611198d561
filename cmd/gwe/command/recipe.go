package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/recipes"
	"github.com/gwe-project/gwe/schema"
)

// readRecipe reads a RECIPE operand: a file, "-" for standard input, or the name of a shipped recipe (no
// slash, no .yaml).
func readRecipe(console *console, operand string) (file string, source []byte, err error) {
	if operand == "-" {
		source, err := readAtMost(console.stdin, schema.MaxBytes+1)
		return "<stdin>", source, err
	}
	if !strings.Contains(operand, "/") && !strings.HasSuffix(operand, ".yaml") && !strings.HasSuffix(operand, ".yml") {
		source, err := recipes.Read(operand)
		if err != nil {
			return "", nil, usagef("gwe ships no recipe %q, only: %s\na recipe of your own is named with its path: ./%s.yaml",
				operand, strings.Join(recipes.Names(), ", "), operand)
		}
		return "recipes/" + operand + ".yaml", source, nil
	}
	if err := console.trusts(operand); err != nil {
		return "", nil, err
	}
	// A byte more than a recipe may have is enough to refuse a file of any size.
	source, err = regular.ReadHead(context.Background(), operand, schema.MaxBytes+1)
	if err != nil {
		return "", nil, usagef("the recipe cannot be read: %v", err)
	}
	return operand, source, nil
}

// oneRecipe reads the one RECIPE operand of a command, and the catalog that it is read with.
func oneRecipe(console *console, operands []string) (file string, source []byte, catalog step.Catalog, err error) {
	if len(operands) != 1 {
		return "", nil, nil, usagef("one RECIPE is wanted: a file, or a shipped recipe (%s)", strings.Join(recipes.Names(), ", "))
	}
	if file, source, err = readRecipe(console, operands[0]); err == nil {
		catalog, err = console.catalog()
	}
	return file, source, catalog, err
}

// readAtMost reads the first bytes of a stream.
func readAtMost(stream io.Reader, bytes int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(stream, bytes))
}

// loadRecipe reads and compiles a RECIPE operand, and shows what is wrong with it.
func loadRecipe(console *console, operands []string) (*engine.Program, error) {
	file, source, catalog, err := oneRecipe(console, operands)
	if err != nil {
		return nil, err
	}
	library := newLibrary()
	library.sources[file], library.trusts = source, console.trusts
	program, diagnostics := engine.LoadFrom(library, file, source, catalog)
	if console.acts && console.distrust != nil { // of a recipe that it uses
		return nil, console.distrust
	}
	if program == nil {
		console.warnOfPlugins()
	}
	console.unusable = nil // a valid recipe needs none of them
	if len(diagnostics) > 0 {
		if err := diagnostics.Render(console.stderr, library.source); err != nil {
			return nil, err
		}
	}
	if program == nil {
		return nil, fault.New(fault.Refused, "recipe-invalid", "%s is not a valid recipe; nothing ran", file)
	}
	return program, nil
}

// library finds the recipes that others use: files, and those that gwe ships. It keeps what it found, for
// diagnostics.
type library struct {
	engine.Files
	sources map[string][]byte
	// trusts, where it is not nil, refuses a file before anything of it is used.
	trusts func(file string) error
}

func newLibrary() library {
	shipped := func(name string) ([]byte, error) {
		source, err := recipes.Read(name)
		if err != nil {
			return nil, fmt.Errorf("gwe ships no recipe of that name, only: %s", strings.Join(recipes.Names(), ", "))
		}
		return source, nil
	}
	return library{Files: engine.Files{Shipped: shipped}, sources: map[string][]byte{}}
}

// Find implements engine.Library.
func (l library) Find(from, name string) (string, []byte, error) {
	file, source, err := l.Files.Find(from, name)
	if err == nil && l.trusts != nil && !schema.Shipped(name) {
		err = l.trusts(file)
	}
	if err == nil {
		l.sources[file] = source
	}
	return file, source, err
}

// source is the text of a recipe that was read.
func (l library) source(file string) []byte { return l.sources[file] }
