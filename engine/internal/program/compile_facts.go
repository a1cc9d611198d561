package program

import (
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// facts compiles facts. They come before all else, so they read the inputs and the host alone.
func (c *compiler) facts() {
	object := value.Type{Kind: value.KindObject}
	for _, declared := range c.recipe.Facts {
		f := &Fact{Declared: declared, Timeout: c.setting(declared.Timeout, durationType, c.base)}
		switch {
		case declared.Run != nil:
			f.Run = c.value(declared.Run, value.ListOf(textType), c.base)
		case declared.File != nil:
			f.File = c.value(declared.File, value.Of(value.KindPath), c.base)
		case declared.Free != nil:
			f.Free = c.value(declared.Free, value.Of(value.KindPath), c.base)
		}
		c.program.Facts = append(c.program.Facts, f)
		object.Fields = append(object.Fields, value.Field{
			Name: declared.Name.Text, Type: declared.Type, Help: declared.Help, Optional: declared.Optional,
		})
	}
	if len(object.Fields) > 0 {
		c.base = c.base.With("facts", object)
	}
}

// locks compiles the names of the locks. They are taken before the run exists and before any fact is read, so
// they read the inputs, the host, and the variables that read no more than that.
func (c *compiler) locks() {
	object := value.Type{Kind: value.KindObject}
	for _, variable := range c.program.Variables {
		if early(variable.Value, object) {
			c.program.Early = append(c.program.Early, variable)
			object.Fields = append(object.Fields, value.Field{Name: variable.Name, Type: variable.Typ})
		}
	}
	scope := earlyScope(c.recipe)
	if len(object.Fields) > 0 {
		scope = scope.With("vars", object)
	}
	for _, lock := range c.recipe.Lock {
		name := c.scalar(lock.Scalar, textType, scope)
		c.program.locks = append(c.program.locks, name)
		if lock.Mounted != nil {
			c.program.mounts = append(c.program.mounts, mountDemand{name, c.mountPoints(lock.Mounted, scope)})
		}
	}
}

// mountPoints compiles what must be mounted: a bool, a path, or a list of paths.
func (c *compiler) mountPoints(node schema.Node, scope expression.Scope) Dynamic {
	compiled, found := c.inferred(node, scope)
	text := func(t value.Type) bool { return t.Kind == value.KindString || t.Kind == value.KindPath }
	list := found.Kind == value.KindList && (found.Elem == nil || text(*found.Elem) || len(found.Elem.Fields) == 0 && found.Elem.Kind == value.KindAny)
	if !text(found) && found.Kind != value.KindBool && !list {
		c.fail(node.Where(), "type", "write true, a mount point, or a list of mount points", "mounted is a bool, a path or a list of paths, not %s", found)
	}
	return compiled
}

// early reports whether a variable reads the inputs, the host and early variables alone.
func early(variable Dynamic, variables value.Type) bool {
	return !slices.ContainsFunc(variable.References(), func(read expression.Reference) bool {
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
