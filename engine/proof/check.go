package proof

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Check follows the recipe from its first step to its outputs, and names every rule that is broken and not
// allowed. The recipe may have other errors: what they leave out is passed over.
func Check(recipe *schema.Recipe) schema.Diagnostics {
	c := &checker{recipe: recipe, variables: map[string]path{}, needed: map[path]need{}, never: map[string]bool{}, allowed: map[*schema.Step]map[string]bool{}}
	for _, variable := range recipe.Vars {
		if scalar, ok := variable.Value.(schema.Scalar); ok {
			c.variables[variable.Name.Text] = c.path(scalar.Text)
		}
	}
	c.locks()
	c.sequence(recipe.Steps)
	c.epilogue(recipe.Failsafe)
	c.epilogue(recipe.Finally)
	c.destroyed()
	c.outputs()
	c.meaning()
	every(recipe, c.lockUncovered)
	every(recipe, c.allowances)
	return c.diagnostics
}

// meaning asks whether a recipe that is well formed does what its author means.
func (c *checker) meaning() {
	c.acts = flow(c.recipe.Steps)
	c.secretNames()
	c.checksThatDecide()
	c.failureIgnored()
	c.verifyLate()
	c.switching()
	c.finallyRemoves()
	c.failsafeRemoved()
	c.protectNothing()
	c.roundsOnePath()
	c.sharedFile()
	c.reboots()
	c.stoppedForGood()
	c.guardDecided()
	c.lookings()
	c.removing()
	c.placing()
	c.starting()
	for _, a := range c.acts {
		c.timeoutTooShort(a.step, a.around, c.recipe.Defaults.Timeout)
		c.waitsWithin(a)
	}
	every(c.recipe, c.untilOnce)
	every(c.recipe, c.groupIsNil)
	every(c.recipe, c.noShell)
	every(c.recipe, c.shellBuiltin)
	every(c.recipe, c.exposure)
	every(c.recipe, c.relativeProgram)
}

// checker collects what it learns on its way.
type checker struct {
	recipe      *schema.Recipe
	diagnostics schema.Diagnostics
	// variables are the recipe's variables that are paths.
	variables map[string]path
	// change is the newest step so far that changes what a program may have taken up; nil where there is
	// none.
	change *schema.Step
	// acts are the steps of the way forward, in order; secrets are the names of what is secret.
	acts    []*act
	secrets []*regexp.Regexp
	// readIDs are the ids of the steps whose outputs are read; nil until they are asked for.
	readIDs map[string]bool
	// locked are the paths that the recipe's locks cover; nil where it has none that can be compared.
	locked []path
	// committed is true after the point of no return.
	committed bool
	// never are the ids of steps that nothing leads to.
	never map[string]bool
	// undone is true inside a group whose own undo stands for what its steps do.
	undone bool
	// frames counts the steps so far that would be undone, in the order in which they act.
	frames int
	// needed are the paths that undos and the failsafe need, with all directories above them.
	needed map[path]need
	// removals are what goes for good, in the order in which it would.
	removals []removal
	// allowed tells which rules a step allowed that it would have broken.
	allowed map[*schema.Step]map[string]bool
}

// report names a broken rule, unless the step allows it.
func (c *checker) report(s *schema.Step, at schema.Span, rule, message, hint string) {
	c.name(schema.Error, s, at, rule, message, hint)
}

// warn names a rule that is broken without harm to how the run ends.
func (c *checker) warn(s *schema.Step, at schema.Span, rule, message, hint string) {
	c.name(schema.Warning, s, at, rule, message, hint)
}

func (c *checker) name(severity schema.Severity, s *schema.Step, at schema.Span, rule, message, hint string) {
	for _, allowance := range s.Allow {
		if allowance.Rule.Text == rule {
			if c.allowed[s] == nil {
				c.allowed[s] = map[string]bool{}
			}
			c.allowed[s][rule] = true
			return
		}
	}
	c.add(severity, at, rule, message, hint)
}

func (c *checker) add(severity schema.Severity, at schema.Span, rule, message, hint string) {
	c.diagnostics = append(c.diagnostics, schema.Diagnostic{
		Severity: severity, Rule: rule, File: c.recipe.File, Span: at, Message: message, Hint: hint,
	})
}

// sequence follows steps that act on the way forward, one after the other.
func (c *checker) sequence(steps []*schema.Step) {
	c.reach(steps)
	for _, s := range steps {
		c.step(s)
	}
}

func (c *checker) step(s *schema.Step) {
	switch action := s.Action.(type) {
	case schema.Commit:
		c.committed = true
	case schema.Group:
		c.within(s, func() {
			c.sequence(action.Steps)
			c.sequence(action.Rescue)
		})
		c.epilogue(action.Finally)
	case schema.Parallel:
		c.parallelConflict(action)
		c.within(s, func() {
			for _, branch := range action.Branches {
				c.sequence([]*schema.Step{branch})
			}
		})
	case schema.Use:
		c.change = s
		c.undoTooEarly(s, true)
		c.frame(s)
	case schema.Leaf:
		if action.Type != nil {
			c.leaf(s, action)
		}
	}
}

func (c *checker) leaf(s *schema.Step, leaf schema.Leaf) {
	if s.EffectsNone != nil {
		c.refreshUnnamed(s, leaf)
		return
	}
	c.undoMissing(s, leaf)
	c.refreshUnnamed(s, leaf)
	c.undoTooEarly(s, changesPath(leaf))
	if c.committed || leaf.Type.About().Undo == "" {
		c.removes(s, leaf, false)
	}
	if len(effects(leaf)) > 0 {
		c.frame(s)
	}
	if changesDisk(leaf) {
		c.change = s
	}
}

// within follows what is inside a group. Its own undo is the last of its frames.
func (c *checker) within(s *schema.Step, follow func()) {
	before := c.undone
	c.undone = before || hasUndo(s)
	follow()
	c.undone = before
	c.undoTooEarly(s, false)
	if len(s.Undo) > 0 {
		c.frame(s)
	}
}

// epilogue follows steps that make no frames: what they remove is gone.
func (c *checker) epilogue(steps []*schema.Step) {
	c.reach(steps)
	for _, s := range steps {
		leaves(s, func(inner *schema.Step, leaf schema.Leaf) { c.removes(inner, leaf, false) })
	}
}

// effects are those that the step has with the arguments that it was given.
func effects(leaf schema.Leaf) []step.Effect {
	var there []step.Effect
	for _, effect := range leaf.Type.About().Effects {
		if _, given := leaf.Arguments.Get(effect.Argument); (given || !effect.Conditional) && holds(leaf, effect) {
			there = append(there, effect)
		}
	}
	return there
}

// holds reports whether the argument that the effect depends on has, or may have, one of the values that it
// is for.
func holds(leaf schema.Leaf, effect step.Effect) bool {
	if effect.If == "" {
		return true
	}
	node, given := leaf.Arguments.Get(effect.If)
	if !given {
		field, _ := leaf.Type.Arguments().Field(effect.If)
		return slices.Contains(effect.Is, field.Default)
	}
	scalar, ok := node.(schema.Scalar)
	return ok && (scalar.Dynamic || slices.Contains(effect.Is, scalar.Text))
}

// changed are the paths of an effect: those of its argument, or of the argument's default.
func (c *checker) changed(leaf schema.Leaf, effect step.Effect) []path {
	if !effect.Kind.OnPath() {
		return nil // what a program changes is unknown
	}
	if node, given := leaf.Arguments.Get(effect.Argument); given {
		return c.paths(node)
	}
	field, _ := leaf.Type.Arguments().Field(effect.Argument)
	return []path{c.path(field.Default)}
}

// allowances names those that allow a rule which does not exist, or which the step does not break.
func (c *checker) allowances(s *schema.Step) {
	known := Rules()
	for _, allowance := range s.Allow {
		rule := allowance.Rule.Text
		switch {
		case c.allowed[s][rule]:
		case !isRule(rule, known):
			hint := "the rules are " + strings.Join(known, ", ")
			if closest := value.Closest(rule, known); closest != "" {
				hint = fmt.Sprintf("did you mean %q?", closest)
			}
			c.add(schema.Error, allowance.Rule.Span, "unknown-rule", fmt.Sprintf("there is no rule %q that a step may allow", rule), hint)
		default:
			c.add(schema.Warning, allowance.Rule.Span, AllowUnneeded, fmt.Sprintf("the step does not break the rule %s", rule), "leave it out")
		}
	}
}

func isRule(name string, known []string) bool {
	for _, one := range known {
		if one == name {
			return true
		}
	}
	return false
}

// constant tells the value of a guard that reads nothing.
func constant(guard *schema.Scalar) (truth, known bool) {
	if guard == nil {
		return true, true
	}
	compiled, problems := expression.Compile(guard.Text, expression.NewScope(), value.Of(value.KindBool))
	if len(problems) > 0 {
		return false, false
	}
	result, err := compiled.Evaluate(nil)
	truth, known = result.(bool)
	return truth, known && err == nil
}
