package engine

import (
	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Load parses and compiles a recipe: everything that can be known without a machine. The program is nil where the
// diagnostics have errors. It needs no network, no rights and no state folder.
func Load(file string, source []byte, catalog step.Catalog) (*Program, schema.Diagnostics) {
	return load(file, source, catalog, proof.Check)
}

// load compiles a recipe and asks for further proofs. Recovery asks for none: what ran must be put back.
func load(file string, source []byte, catalog step.Catalog, proofs ...func(*schema.Recipe) schema.Diagnostics) (*Program, schema.Diagnostics) {
	recipe, diagnostics := schema.Parse(file, source, catalog)
	if recipe == nil {
		return nil, diagnostics.Sorted()
	}
	c := &compiler{
		recipe:  recipe,
		base:    earlyScope(recipe),
		program: &Program{Recipe: recipe, byPath: map[string]*node{}},
	}
	c.compile()
	diagnostics = append(diagnostics, c.diagnostics...)
	if !diagnostics.HasErrors() { // else a mistyped undo: would be reported twice
		for _, prove := range proofs {
			diagnostics = append(diagnostics, prove(recipe)...)
		}
	}
	diagnostics = diagnostics.Sorted()
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return c.program, diagnostics
}

// compiler turns a recipe into a program and collects what is wrong with its expressions.
type compiler struct {
	recipe      *schema.Recipe
	base        expression.Scope
	program     *Program
	diagnostics schema.Diagnostics
}

func (c *compiler) compile() {
	c.facts()
	c.variables()
	c.locks()
	c.program.timeout = c.setting(c.recipe.Timeout, durationType, c.base)

	var above []visible
	c.program.steps, above = c.sequence(c.recipe.Steps, nil)
	c.program.failsafe = c.epilogue(c.recipe.Failsafe, above, false)
	c.program.finally = c.epilogue(c.recipe.Finally, above, true)

	scope := withSteps(c.base, afterStop(c.recipe.Steps, above))
	for _, output := range c.recipe.Outputs {
		compiled, typ := c.inferred(output.Value, scope)
		c.program.outputs = append(c.program.outputs, namedValue{output.Name.Text, compiled, typ})
	}
}

// variables compiles vars from top to bottom: each one may read those above it. From here on the run is known too.
func (c *compiler) variables() {
	c.base = c.base.With("run", runType())
	object := value.Type{Kind: value.KindObject}
	for _, binding := range c.recipe.Vars {
		compiled, typ := c.inferred(binding.Value, c.base)
		c.program.variables = append(c.program.variables, namedValue{binding.Name.Text, compiled, typ})
		object.Fields = append(object.Fields, value.Field{Name: binding.Name.Text, Type: typ})
		c.base = c.base.With("vars", object)
	}
}

// sequence compiles steps in order: each one may read those above it.
func (c *compiler) sequence(steps []*schema.Step, above []visible) ([]*node, []visible) {
	var nodes []*node
	for _, s := range steps {
		n := c.step(s, withSteps(c.base, above), c.recipe.Defaults.Timeout)
		c.undo(n, above)
		nodes = append(nodes, n)
		above = appendVisible(above, n)
	}
	return nodes, above
}

// undo compiles what the author adds to a step's undo. It runs when nobody knows how far the step itself came.
func (c *compiler) undo(n *node, above []visible) {
	if n.action.stepType != nil && n.step.ID != nil {
		above = append(above[:len(above):len(above)], visible{id: n.id(), outputs: n.outputs(), optional: true})
	}
	for _, s := range n.step.Undo {
		scope := withSteps(c.base, above).With("error", errorType())
		if n.when != nil {
			scope = scope.Given(n.when)
		}
		inner := c.step(s, scope, c.recipe.Defaults.UndoTimeout)
		if inner.timeout == nil {
			inner.timeout = constant{value: value.DurationOf(defaultTimeout)} // no undo waits for ever
		}
		n.undo = append(n.undo, inner)
		above = appendVisible(above, inner)
	}
}

// epilogue compiles failsafe and finally, which run when nobody knows how far the run came. After a good run there is no
// error.
func (c *compiler) epilogue(steps []*schema.Step, above []visible, maybeGood bool) []*node {
	var nodes []*node
	for _, s := range steps {
		scope := withSteps(c.base, unsure(above))
		if maybeGood {
			scope = scope.With("error", maybe(errorType()))
		} else {
			scope = scope.With("error", errorType())
		}
		n := c.step(s, scope, c.recipe.Defaults.Timeout)
		nodes = append(nodes, n)
		above = appendVisible(above, n)
	}
	return nodes
}
