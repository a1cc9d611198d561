package program

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// The bounds of what a recipe uses. Two uses of two uses of two ... grow fast.
const (
	maxUses  = 1_000
	maxNodes = 20_000
)

// readRecipe is a recipe that was used before.
type readRecipe struct {
	recipe *schema.Recipe
	// seen is true once it was compiled, and what is wrong with it was told; wrong tells that something is.
	seen, wrong bool
}

// use compiles another recipe where it is used. It has its own names and ids, and of the recipe around it
// only what with hands in. What has no meaning there is passed over: its triggers; its commit, for the run
// commits as a whole; its lock and its failsafe, which the recipe that is started must have then.
func (c *compiler) use(n *Node, action schema.Use, scope expression.Scope) {
	n.Construct = &Used{Scope: &StaticScope{Parent: n.Own, Owner: n, Loops: n.Own.Loops}}
	if action.Recipe.Text == "" {
		return
	}
	file, known := c.find(action)
	if known == nil {
		return
	}
	u, recipe := As[*Used](n), known.recipe
	u.Recipe = recipe
	u.With = c.with(action, recipe, scope)
	c.unowned(action, recipe)

	inner := &compiler{
		compilation: c.compilation, recipe: recipe, base: earlyScope(recipe), prefix: n.at + "/", static: u.Scope, stopAt: -1,
		files: append(slices.Clone(c.files), file), silent: known.seen,
	}
	before := len(c.diagnostics)
	u.Variables = inner.variables()
	u.Timeout = inner.setting(recipe.Timeout, durationType, inner.base)
	v := visibleNames{base: inner.base}
	at := spot{parent: n, static: u.Scope}
	sequence, behind := inner.sequence(recipe.Steps, v, at)
	u.Steps = sequence
	u.Finally = inner.epilogue(recipe.Finally, behind.with("error", maybe(errorType())), at)
	u.Results = inner.outputs(behind)
	if !known.seen && len(c.diagnostics) == before {
		for _, prove := range c.proofs {
			c.reportErrors(prove(recipe))
		}
	}
	known.wrong = known.wrong || len(c.diagnostics) > before
	known.seen = true
	if known.wrong {
		c.invalid(action)
	}
}

// find reads the recipe that is used; nil where that is not a valid one, which is reported.
func (c *compiler) find(action schema.Use) (string, *readRecipe) {
	name := action.Recipe
	file, source, err := c.library.Find(c.recipe.File, name.Text)
	switch {
	case err != nil:
		c.fail(name.Span, "use-recipe", "a file is named from the directory of this recipe, ./other.yaml; a shipped recipe by its bare name",
			"the recipe %q cannot be used: %s", name.Text, reason(err))
		return "", nil
	case slices.Contains(c.files, file):
		c.fail(name.Span, "use-cycle", "take the steps that both need into a recipe of their own",
			"recipes use each other in a circle: %s", strings.Join(append(slices.Clone(c.files), file), " -> "))
		return "", nil
	case len(c.program.uses) >= maxUses || len(c.program.ByPath) > maxNodes:
		c.fail(name.Span, "too-large", "use fewer recipes", "with all that it uses, the recipe has more than %d uses or %d steps", maxUses, maxNodes)
		return "", nil
	}
	c.program.uses = append(c.program.uses, usedFile{c.recipe.File, name.Text, file, source})
	known := c.read[file]
	if known == nil {
		recipe, diagnostics := schema.Parse(file, source, c.catalog)
		known = &readRecipe{recipe: recipe}
		c.read[file] = known
		c.reportErrors(diagnostics)
		if diagnostics.HasErrors() {
			known.recipe = nil
		}
	}
	if known.recipe == nil {
		c.invalid(action)
		return "", nil
	}
	return file, known
}

// reportErrors passes on what is wrong with a used recipe. Of what is only odd there, its own validation
// tells.
func (c *compiler) reportErrors(diagnostics schema.Diagnostics) {
	for _, diagnostic := range diagnostics {
		if diagnostic.Severity == schema.Error {
			c.report(diagnostic)
		}
	}
}

func (c *compiler) invalid(action schema.Use) {
	c.fail(action.Recipe.Span, "use-recipe", "what is wrong with it is told apart", "the recipe %q cannot be used: it is not valid", action.Recipe.Text)
}

// reason is why a recipe cannot be read, without what the message says already.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || fault.As(err) != nil {
			return err.Error()
		}
		err = inner
	}
}

// with compiles what is handed in, by the types of the inputs.
func (c *compiler) with(action schema.Use, recipe *schema.Recipe, scope expression.Scope) []NamedValue {
	var names []string
	var with []NamedValue
	for _, input := range recipe.Inputs {
		names = append(names, input.Name.Text)
		given := slices.IndexFunc(action.With, func(b schema.Binding) bool { return b.Name.Text == input.Name.Text })
		if given < 0 {
			if input.Required {
				c.fail(action.Recipe.Span, "use-input", "add with: {"+input.Name.Text+": ...}; it is "+article(input.Type),
					"the recipe %q requires the input %q", action.Recipe.Text, input.Name.Text)
			}
			continue
		}
		inner := scope
		if input.Type.HoldsSecret() {
			inner = scope.AllowSecrets()
		}
		binding := action.With[given]
		before := len(c.diagnostics)
		c.literals(binding.Value, input.Type, input.Name.Text)
		compiled := c.value(binding.Value, input.Type, inner)
		if constant, ok := compiled.(constant); ok && len(c.diagnostics) == before {
			if err := input.Check(constant.value); err != nil {
				c.fail(binding.Value.Where(), "use-input", "give it what the recipe "+action.Recipe.Text+" accepts", "%v", err)
			}
		}
		with = append(with, NamedValue{input.Name.Text, compiled, input.Type})
	}
	for _, binding := range action.With {
		if slices.Contains(names, binding.Name.Text) {
			continue
		}
		hint := "it has no inputs"
		if len(names) > 0 {
			hint = "it has: " + strings.Join(names, ", ")
		}
		if near := value.Closest(binding.Name.Text, names); near != "" {
			hint = "did you mean \"" + near + "\"?"
		}
		c.fail(binding.Name.Span, "use-input", hint, "the recipe %q has no input %q", action.Recipe.Text, binding.Name.Text)
	}
	return with
}

func article(t value.Type) string {
	name := t.String()
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// literals checks what is written out, by the type that is wanted.
func (c *compiler) literals(node schema.Node, want value.Type, what string) {
	switch node := node.(type) {
	case schema.Scalar:
		if node.Dynamic {
			return
		}
		if _, err := node.Convert(want); err != nil {
			hint := ""
			if f := fault.As(err); f != nil {
				hint = f.Hint
			}
			c.fail(node.Span, "use-input", hint, "the input %s: %v", what, err)
		}
	case schema.List:
		if want.Kind != value.KindList {
			c.fail(node.Span, "use-input", "write one value", "the input %s is %s, found a list", what, article(want))
			return
		}
		for _, item := range node.Items {
			c.literals(item, member(want, ""), what)
		}
	case schema.Map:
		if want.Kind != value.KindMap {
			c.fail(node.Span, "use-input", "write one value", "the input %s is %s, found a mapping", what, article(want))
			return
		}
		for _, entry := range node.Entries {
			c.literals(entry.Value, member(want, entry.Key.Text), what)
		}
	}
}

// unowned reports what the recipe that is used has for itself only, where the one that is started has none.
func (c *compiler) unowned(action schema.Use, recipe *schema.Recipe) {
	if len(recipe.Lock) > 0 && len(c.program.Recipe.Lock) == 0 {
		c.fail(action.Recipe.Span, "use-lock", "add lock: to the recipe that is started: a run takes its locks before its first step",
			"the recipe %q locks what it works on, and the one that uses it locks nothing", action.Recipe.Text)
	}
	if len(recipe.Facts) > 0 {
		c.fail(action.Recipe.Span, "use-facts", "make them inputs of that recipe, and hand them in: with: {NAME: ${{ facts.NAME }}}",
			"the recipe %q has facts, which are read before the first step of the recipe that is started", action.Recipe.Text)
	}
	if len(recipe.Failsafe) > 0 && len(c.program.Recipe.Failsafe) == 0 {
		c.report(schema.Diagnostic{
			Severity: schema.Warning, Rule: "use-failsafe", File: c.recipe.File, Span: action.Recipe.Span,
			Message: fmt.Sprintf("the recipe %q has a failsafe, and the one that is started has none", action.Recipe.Text),
			Hint:    "add failsafe: to the recipe that is started: only the whole run knows that not everything could be rolled back",
		})
	}
}
