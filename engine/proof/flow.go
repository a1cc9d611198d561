package proof

import (
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// act is one step that acts on the way forward, in the order in which it does.
type act struct {
	step *schema.Step
	// leaf has no type where the step is a commit, a reboot or the like.
	leaf schema.Leaf
	// around are the groups and parallels that it stands in, outermost first.
	around []*schema.Step
	// committed is true after the point of no return, and rescuing inside a rescue.
	committed, rescuing bool
	// found is what touched has found; nil until it is asked for.
	found *touched
}

// flow lists the steps that act on the way forward, those of groups and branches in their place.
func flow(steps []*schema.Step) []*act {
	var all []*act
	committed := false
	var follow func(steps, around []*schema.Step, rescuing bool)
	follow = func(steps, around []*schema.Step, rescuing bool) {
		for _, s := range steps {
			within := append(slices.Clone(around), s)
			switch action := s.Action.(type) {
			case schema.Group:
				follow(action.Steps, within, rescuing)
				follow(action.Rescue, within, true)
			case schema.Parallel:
				follow(action.Branches, within, rescuing)
			default:
				leaf, _ := s.Action.(schema.Leaf)
				all = append(all, &act{step: s, leaf: leaf, around: around, committed: committed, rescuing: rescuing})
				if _, commits := s.Action.(schema.Commit); commits {
					committed = true
				}
			}
		}
	}
	follow(steps, nil, false)
	return all
}

// mostActs bounds the rules that compare each step with each other one. Nobody writes more by hand.
const mostActs = 300

// touched are the paths that one step has to do with.
type touched struct {
	writes, swaps, removes, reads []path
	// takesUp is what takes up a new release: see refresh. runs means that the step runs a program, and whole
	// that it writes all of a file.
	takesUp     string
	runs, whole bool
}

// touched is what the checks ask of a step once for each other step, found once.
func (c *checker) touched(a *act) *touched {
	if a.found == nil {
		a.found = &touched{}
		if a.leaf.Type != nil {
			a.found.writes, a.found.swaps, a.found.removes = c.changes(a.leaf, step.Writes), c.changes(a.leaf, step.Swaps), c.changes(a.leaf, step.Removes)
			a.found.reads, a.found.takesUp = c.reads(a.leaf), refresh(a.leaf)
			a.found.runs = slices.ContainsFunc(effects(a.leaf), func(e step.Effect) bool { return e.Kind == step.Runs })
			a.found.whole = hasArgument(a.leaf, "content", "path") || hasArgument(a.leaf, "values", "to")
		}
	}
	return a.found
}

// meets reports whether one of the paths covers the other one, or lies in it.
func meets(all []path, other path) bool {
	return slices.ContainsFunc(all, func(one path) bool { return one.covers(other) || other.covers(one) })
}

// looks reports whether the step is a leaf that changes nothing.
func (a *act) looks() bool {
	return a.leaf.Type != nil && (a.step.EffectsNone != nil || len(effects(a.leaf)) == 0)
}

// guarded reports whether the step, or what it stands in, has a when.
func (a *act) guarded() bool {
	return a.step.When != nil || slices.ContainsFunc(a.around, func(s *schema.Step) bool { return s.When != nil })
}

// forgiven reports whether the run continues where the step fails.
func (a *act) forgiven() bool {
	return a.step.AllowFailure || slices.ContainsFunc(a.around, func(s *schema.Step) bool { return s.AllowFailure })
}

// changes are the paths that the step changes, by effects of these kinds.
func (c *checker) changes(leaf schema.Leaf, kinds ...step.EffectKind) []path {
	if leaf.Type == nil {
		return nil
	}
	var all []path
	for _, effect := range effects(leaf) {
		if slices.Contains(kinds, effect.Kind) {
			all = append(all, slices.DeleteFunc(c.changed(leaf, effect), func(p path) bool { return p == "" })...)
		}
	}
	return all
}

// reads are the paths among the step's arguments that it does not change itself: a text that begins with a
// slash counts too.
func (c *checker) reads(leaf schema.Leaf) []path {
	var all []path
	for _, entry := range leaf.Arguments.Entries {
		field, ok := leaf.Type.Arguments().Field(entry.Key.Text)
		if !ok || makes(leaf, field.Name) || !isPath(field.Type) && field.Type.Kind != value.KindString {
			continue
		}
		for _, read := range c.paths(entry.Value) {
			if read != "" && (isPath(field.Type) || strings.HasPrefix(string(read), "/") || strings.HasPrefix(string(read), "${{")) {
				all = append(all, read)
			}
		}
	}
	return all
}

// literal is the text of an argument that is written out; "" where it is not given or holds an expression.
func literal(leaf schema.Leaf, name string) string {
	node, _ := leaf.Arguments.Get(name)
	scalar, ok := node.(schema.Scalar)
	if !ok || scalar.Dynamic || strings.Contains(scalar.Text, "${{") {
		return ""
	}
	return scalar.Text
}

// spanOf is the place of an argument, or of the step's action where it is not given.
func spanOf(leaf schema.Leaf, name string) schema.Span {
	if node, given := leaf.Arguments.Get(name); given {
		return node.Where()
	}
	return leaf.Key.Span
}

// hasArgument reports whether the step's type knows the argument.
func hasArgument(leaf schema.Leaf, names ...string) bool {
	return leaf.Type != nil && !slices.ContainsFunc(names, func(name string) bool {
		_, known := leaf.Type.Arguments().Field(name)
		return !known
	})
}

// literalDuration is a duration that is written out; false where it is not.
func literalDuration(setting *schema.Setting) (time.Duration, bool) {
	if setting == nil {
		return 0, false
	}
	given, ok := setting.Value.(value.Duration)
	return given.Std(), ok
}

// readByID reports whether an expression of the recipe reads the outputs of the step.
func (c *checker) readByID(s *schema.Step) bool {
	if c.readIDs == nil {
		c.readIDs = map[string]bool{}
		for _, read := range readStep.FindAllSubmatch(c.recipe.Source, -1) {
			c.readIDs[string(read[1])] = true
		}
	}
	return s.ID != nil && c.readIDs[s.ID.Text]
}
