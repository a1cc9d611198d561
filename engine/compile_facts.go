package engine

import (
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
)

// facts compiles facts. They come before all else, so they read the inputs and the host alone.
func (c *compiler) facts() {
	object := value.Type{Kind: value.KindObject}
	for _, declared := range c.recipe.Facts {
		f := &fact{declared: declared, timeout: c.setting(declared.Timeout, durationType, c.base)}
		switch {
		case declared.Run != nil:
			f.run = c.value(declared.Run, value.ListOf(textType), c.base)
		case declared.File != nil:
			f.file = c.value(declared.File, value.Of(value.KindPath), c.base)
		case declared.Free != nil:
			f.free = c.value(declared.Free, value.Of(value.KindPath), c.base)
		}
		c.program.facts = append(c.program.facts, f)
		object.Fields = append(object.Fields, value.Field{
			Name: declared.Name.Text, Type: declared.Type, Help: declared.Help, Optional: declared.Optional,
		})
	}
	if len(object.Fields) > 0 {
		c.base = c.base.With("facts", object)
	}
}

// locks compiles the names of the locks. They are taken before the run exists and before any fact is read, so they read
// the inputs, the host, and the variables that read no more than that.
func (c *compiler) locks() {
	object := value.Type{Kind: value.KindObject}
	for _, variable := range c.program.variables {
		if early(variable.value, object) {
			c.program.early = append(c.program.early, variable)
			object.Fields = append(object.Fields, value.Field{Name: variable.name, Type: variable.typ})
		}
	}
	scope := earlyScope(c.recipe)
	if len(object.Fields) > 0 {
		scope = scope.With("vars", object)
	}
	for _, name := range c.recipe.Lock {
		c.program.locks = append(c.program.locks, c.scalar(name, textType, scope))
	}
}

// early tells whether a variable reads the inputs, the host and early variables alone.
func early(variable dynamic, variables value.Type) bool {
	return !slices.ContainsFunc(variable.references(), func(read expression.Reference) bool {
		switch read.Path[0] {
		case "inputs", "host":
			return false
		case "vars":
			if len(read.Path) < 2 {
				return true
			}
			_, known := variables.Field(read.Path[1])
			return !known
		}
		return true
	})
}
