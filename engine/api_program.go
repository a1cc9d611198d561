package engine

import (
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

// What a recipe means is of the package program. These are its types that users of the engine see.
type (
	// Program is a recipe that was checked whole: every expression is compiled and typed, every argument has
	// its type. It is immutable, and one program may run many times.
	Program = program.Program
	// Library finds the recipes that others use.
	Library = program.Library
	// Files is the library of a machine: files, named from the directory of the recipe that uses them.
	Files = program.Files
	// Inputs are a recipe's inputs by name.
	Inputs = program.Inputs
	// Given is an input as somebody gave it.
	Given = program.Given
	// PlannedStep is one row of a plan: what a step would do, and how that would be undone.
	PlannedStep = program.PlannedStep
	// Decision is what a plan knows of a step's guard.
	Decision = program.Decision
)

// What a plan knows of a step's guard.
const (
	// WillRun: there is no guard, or it is true.
	WillRun = program.WillRun
	// WillSkip: the guard is false.
	WillSkip = program.WillSkip
	// Depends: the guard needs what only the run will know.
	Depends = program.Depends
	// OnFailure: it is part of a rescue.
	OnFailure = program.OnFailure
)

// Load parses and compiles a recipe: everything that can be known without a machine. The program is nil where
// the diagnostics have errors. It needs no network, no rights and no state directory. Recipes that it uses
// are read from the library; nil is the files beside it.
func Load(file string, source []byte, catalog step.Catalog) (*Program, schema.Diagnostics) {
	return program.Load(file, source, catalog)
}

// LoadFrom is Load for a recipe that uses others: the library finds them.
func LoadFrom(library Library, file string, source []byte, catalog step.Catalog) (*Program, schema.Diagnostics) {
	return program.LoadFrom(library, file, source, catalog)
}
