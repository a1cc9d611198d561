package program

import (
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Load parses and compiles a recipe: everything that can be known without a machine. The program is nil where
// the diagnostics have errors. It needs no network, no rights and no state directory. Recipes that it uses
// are read from the library; nil is the files beside it.
func Load(file string, source []byte, catalog step.Catalog) (*Program, schema.Diagnostics) {
	return LoadFrom(Files{}, file, source, catalog)
}

// LoadFrom is Load for a recipe that uses others: the library finds them.
func LoadFrom(library Library, file string, source []byte, catalog step.Catalog) (*Program, schema.Diagnostics) {
	return Compile(library, file, source, catalog, proof.Check)
}

// Compile compiles a recipe and asks for further proofs. Recovery asks for none: what ran must be rolled
// back.
func Compile(library Library, file string, source []byte, catalog step.Catalog, proofs ...func(*schema.Recipe) schema.Diagnostics) (*Program, schema.Diagnostics) {
	recipe, diagnostics := schema.Parse(file, source, catalog)
	if recipe == nil {
		return nil, diagnostics.Sorted()
	}
	root := &StaticScope{}
	c := &compiler{
		compilation: &compilation{
			catalog: catalog, library: library, proofs: proofs, read: map[string]*readRecipe{},
			program: &Program{Recipe: recipe, ByPath: map[string]*Node{}, Root: root},
		},
		recipe: recipe, base: earlyScope(recipe), static: root, stopAt: -1, files: []string{file},
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
	for _, n := range c.program.ByPath {
		for at := n; at != nil; at = at.Parent {
			at.size += 1 + len(n.Undo) + len(n.UndoLast)
		}
	}
	return c.program, diagnostics
}

// compilation is what the recipe and those that it uses have in common while they are compiled.
type compilation struct {
	catalog     step.Catalog
	library     Library
	proofs      []func(*schema.Recipe) schema.Diagnostics
	program     *Program
	diagnostics schema.Diagnostics
	// read are the recipes that were used so far, by file.
	read map[string]*readRecipe
}

// compiler turns one recipe into nodes of the program, and collects what is wrong with its expressions.
type compiler struct {
	*compilation
	recipe *schema.Recipe
	// base is what every expression of the recipe may read, and grows until its first step.
	base expression.Scope
	// prefix is the path of the use by which the recipe came in, with a slash; static is the scope of its
	// steps, and files are those of the recipes around it and its own.
	prefix string
	static *StaticScope
	files  []string
	// stopAt is how many outputs were visible at the first stop; -1 where there is none.
	stopAt int
	// silent is true where the recipe was compiled before: what is wrong with it was said.
	silent bool
}

func (c *compiler) compile() {
	c.facts()
	c.program.Variables = c.variables()
	c.locks()
	c.program.Timeout = c.setting(c.recipe.Timeout, durationType, c.base)
	v := visibleNames{base: c.base}

	sequence, behind := c.sequence(c.recipe.Steps, v, spot{static: c.static})
	c.program.Steps = sequence
	c.program.Failsafe = c.epilogue(c.recipe.Failsafe, behind.with("error", errorType()), spot{static: c.static})
	c.program.Finally = c.epilogue(c.recipe.Finally, behind.with("error", maybe(errorType())), spot{static: c.static})
	c.program.Outputs = c.outputs(behind)
}

// outputs compiles the recipe's outputs: what stands after a possible stop may be absent.
func (c *compiler) outputs(behind visibleNames) []NamedValue {
	scope := behind.doubt(c.stopAt).scope()
	var outputs []NamedValue
	for _, output := range c.recipe.Outputs {
		compiled, typ := c.inferred(output.Value, scope)
		outputs = append(outputs, NamedValue{output.Name.Text, compiled, typ})
	}
	return outputs
}

// variables compiles vars from top to bottom: each one may read those above it. From here on the run is known
// too.
func (c *compiler) variables() []NamedValue {
	c.base = c.base.With("run", runType())
	object := value.Type{Kind: value.KindObject}
	var variables []NamedValue
	for _, binding := range c.recipe.Vars {
		compiled, typ := c.inferred(binding.Value, c.base)
		variables = append(variables, NamedValue{binding.Name.Text, compiled, typ})
		object.Fields = append(object.Fields, value.Field{Name: binding.Name.Text, Type: typ})
		c.base = c.base.With("vars", object)
	}
	return variables
}

// spot is where a step stands in the program.
type spot struct {
	parent  *Node
	static  *StaticScope
	rescues *Node
	branch  int
}

// sequence compiles steps in order: each one may read those above it.
func (c *compiler) sequence(steps []*schema.Step, v visibleNames, at spot) ([]*Node, visibleNames) {
	var nodes []*Node
	for _, s := range steps {
		var n *Node
		n, v = c.step(s, v, at, c.recipe.Defaults.Timeout)
		nodes = append(nodes, n)
	}
	count(nodes)
	return nodes, v
}

// count gives the steps of a list their numbers.
func count(nodes []*Node) {
	for i, n := range nodes {
		n.Number, n.Siblings = i+1, len(nodes)
	}
}

// step compiles one step of a sequence. It gives what is visible after the step.
func (c *compiler) step(s *schema.Step, v visibleNames, at spot, timeout *schema.Setting) (*Node, visibleNames) {
	n := &Node{Construct: unknown{}, Step: s, recipe: c.recipe, at: c.prefix + s.Path, Parent: at.parent, Branch: at.branch, Rescues: at.rescues, In: at.static, Own: at.static}
	if n.Parent != nil {
		n.Depth = n.Parent.Depth + 1
	}
	c.program.ByPath[n.at] = n
	stopBefore := c.stopAt
	inner := v
	if s.ForEach != nil {
		inner = c.forEach(n, v)
	}
	if s.When != nil {
		n.When = c.guard(*s.When, inner.scope())
		inner = inner.given(n.When)
	}
	behind := c.action(n, inner)
	c.modifiers(n, inner, behind, timeout)
	left := slices.Clone(behind.above[len(inner.above):])
	c.undo(n, inner, behind)
	if stopBefore < 0 && c.stopAt >= 0 && n.Items != nil {
		c.stopAt = len(v.above) // the lists of such a for-each are never made
	}
	if n.leaves() && s.ID != nil {
		left = append(left, value.Field{Name: n.ID(), Type: n.Outputs()})
	}
	if n.Items != nil {
		n.Own.noteReads(left)
	}
	for i := range left {
		left[i] = n.visible(left[i], s.When != nil || s.AllowFailure)
	}
	return n, v.add(left...)
}

// leave notes what is read of a scope from outside of it.
func (a *StaticScope) noteReads(left []value.Field) {
	if a.Lefts == nil {
		a.Lefts = map[string]bool{}
	}
	for _, one := range left {
		a.Left = append(a.Left, leaving{one.Name, one.Type.Kind == value.KindList})
		a.Lefts[one.Name] = true
	}
}

// leaves reports whether the node leaves outputs of its own. One whose action is wrong leaves none, and still
// has its name.
func (n *Node) leaves() bool {
	return n.Leaf() != nil || As[*Used](n) != nil || n.Step.Action == nil
}

// visible is an output of the node, or of a step within it, as steps after the node see it.
func (n *Node) visible(left value.Field, optional bool) value.Field {
	if n.Items == nil {
		left.Optional = left.Optional || optional
		return left
	}
	if (left.Optional || optional) && left.Type.Kind == value.KindObject {
		left.Type = maybe(left.Type) // null where a round was skipped
	}
	return value.Field{Name: left.Name, Type: value.ListOf(left.Type)}
}

// undo compiles what the author adds to a step's undo, in its place and last. It runs when nobody knows how
// far the step itself came.
func (c *compiler) undo(n *Node, inner, behind visibleNames) {
	if len(n.Step.Undo)+len(n.Step.UndoLast) == 0 {
		return
	}
	v := behind.doubt(len(inner.above)).with("error", errorType())
	if n.leaves() && n.Step.ID != nil {
		v = v.add(value.Field{Name: n.ID(), Type: n.Outputs(), Optional: true})
	}
	n.Undo, v = c.undoSteps(n, n.Step.Undo, v)
	n.UndoLast, _ = c.undoSteps(n, n.Step.UndoLast, v)
	for _, last := range n.UndoLast {
		last.Last = true
	}
}

func (c *compiler) undoSteps(n *Node, steps []*schema.Step, v visibleNames) (nodes []*Node, behind visibleNames) {
	for _, s := range steps {
		var undo *Node
		undo, v = c.step(s, v, spot{parent: n, static: n.Own, rescues: n.Rescues}, c.recipe.Defaults.UndoTimeout)
		if undo.timeout == nil {
			undo.timeout = constant{value: value.DurationOf(defaultTimeout)} // no undo waits for ever
		}
		nodes = append(nodes, undo)
	}
	return nodes, v
}

// epilogue compiles failsafe and finally, which run when nobody knows how far the run came.
func (c *compiler) epilogue(steps []*schema.Step, v visibleNames, at spot) []*Node {
	if len(steps) == 0 {
		return nil
	}
	nodes, _ := c.sequence(steps, v.doubtful(), at)
	return nodes
}

// guard compiles a bare boolean expression; nil where it is wrong.
func (c *compiler) guard(scalar schema.Scalar, scope expression.Scope) *expression.Expression {
	compiled, problems := expression.Compile(scalar.Text, scope, boolType)
	for _, problem := range problems {
		c.problem(scalar, problem)
	}
	if len(problems) > 0 {
		return nil
	}
	return compiled
}

// fail reports what is wrong with the recipe itself.
func (c *compiler) fail(at schema.Span, rule, hint, format string, arguments ...any) {
	c.report(schema.Diagnostic{
		Severity: schema.Error, Rule: rule, File: c.recipe.File, Span: at, Message: fmt.Sprintf(format, arguments...), Hint: hint,
	})
}

func (c *compiler) report(diagnostic schema.Diagnostic) {
	if !c.silent {
		c.diagnostics = append(c.diagnostics, diagnostic)
	}
}
