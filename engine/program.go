package engine

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Program is a recipe that was checked whole: every expression is compiled and typed, every argument has its type. It is
// immutable, and one program may run many times.
type Program struct {
	Recipe *schema.Recipe

	facts     []*fact
	variables []namedValue
	// early are the variables that are known before the run exists.
	early    []namedValue
	locks    []dynamic
	mounts   []mountDemand
	timeout  dynamic
	steps    []*node
	failsafe []*node
	finally  []*node
	outputs  []namedValue

	// byPath finds the node of a journal's record.
	byPath map[string]*node
	// root is the area of the recipe's own steps.
	root *staticScope
	// uses are the recipes that it uses, and theirs, each once.
	uses []usedFile
	// strands is how many branches all its parallels have.
	strands int
}

// Name is the recipe's.
func (p *Program) Name() string { return p.Recipe.Name.Text }

// title is what the run's task is called.
func (p *Program) title() string {
	if p.Recipe.Summary != nil && p.Recipe.Summary.Text != "" {
		return p.Name() + ": " + strings.TrimSuffix(p.Recipe.Summary.Text, ".")
	}
	return p.Name()
}

// namedValue is a var, an output or an argument.
type namedValue struct {
	name  string
	value dynamic
	// typ is what the value evaluates to.
	typ value.Type
}

// node is one step, compiled.
type node struct {
	step *schema.Step
	// recipe is the one that the step stands in: the program's, or one that it uses.
	recipe *schema.Recipe
	// at is the step's path, behind that of the use that it comes by.
	at string
	// parent is the group, parallel or use that it stands in; nil at the top. depth counts the nodes around it, and
	// branch the branches of a parallel.
	parent *node
	depth  int
	branch int
	// number is its place in its list of steps, from 1, and siblings how many stand in that; 0 for a branch of a parallel.
	number, siblings int
	// size counts the steps in it, itself and those of undos included.
	size int
	// strand numbers the branches of the whole program, from 1.
	strand int
	// rescues is the group in whose rescue it stands; nil elsewhere.
	rescues *node
	// in is the area where it stands; own is the area of what it does: one of each round, where there is a for-each.
	in, own *staticScope

	items       *items
	title       dynamic
	when, until *expression.Expression
	timeout     dynamic
	undoTimeout dynamic
	retry       *retryPolicy
	undo        []*node
	undoLast    []*node
	// last is true where it stands in an undo-last.
	last      bool
	construct construct
}

// composed is the node's construct if it is made of other steps, else nil.
func (n *node) composed() composition { return as[composition](n) }

// finally is what runs at the node's end, good or bad.
func (n *node) finally() []*node {
	if made := n.composed(); made != nil {
		return made.last()
	}
	return nil
}

// path names the node in journals: it is stable as long as the recipe is, and the recipe is frozen with the run.
func (n *node) path() string { return n.at }

// id is the step's id, or "".
func (n *node) id() string {
	if n.step.ID == nil {
		return ""
	}
	return n.step.ID.Text
}

// label names the node for people: its id, or else its path, and those of a used recipe behind the use.
func (n *node) label() string {
	if user := n.user(); user != nil {
		return user.label() + "/" + n.step.Label()
	}
	return n.step.Label()
}

// name tells the step from every other one of the run, for names of files and for programs: its id or path, behind that
// of the use that it came by, and with the numbers of the rounds around it, from 1: "inner.fetch-2".
func (n *node) name(r runstate.Rounds) string {
	name := strings.ReplaceAll(n.label(), "/", ".")
	for _, number := range r.In(n.own.loops) {
		name += fmt.Sprintf("-%d", number+1)
	}
	return name
}

// user is the use by which the node came into the program; nil for the recipe's own steps.
func (n *node) user() *node {
	for at := n.in; at != nil; at = at.parent {
		if at.used() {
			return at.owner
		}
	}
	return nil
}

// within tells whether the node is the other one, or a part of it.
func (n *node) within(other *node) bool {
	for at := n; at != nil; at = at.parent {
		if at == other {
			return true
		}
	}
	return false
}

// changes tells whether the node's step type declares effects, and the recipe does not say that the step has none. A step that only
// reads makes no frame.
func (n *node) changes() bool {
	return n.leaf() != nil && len(n.stepType().About().Effects) > 0 && n.step.EffectsNone == nil
}

// runs tells whether the node runs a program.
func (n *node) runs() bool {
	if n.leaf() == nil {
		return false
	}
	for _, effect := range n.stepType().About().Effects {
		if effect.Kind == step.Runs {
			return true
		}
	}
	return false
}

// opaque reports whether the node may change what gwe cannot see: it runs a program, or is of a type without an undo of its own.
func (n *node) opaque() bool {
	return n.runs() || n.leaf() != nil && n.stepType().About().Opaque()
}

// repeatable tells whether a failed attempt may be followed by another without an undo between them: the type says so, or
// it runs a program, and the author who writes retry vouches for it.
func (n *node) repeatable() bool {
	return n.leaf() != nil && (n.runs() || n.stepType().About().Repeatable)
}

// outputs is the object type of what the node leaves in steps.<id>.
func (n *node) outputs() value.Type { return n.construct.outputs() }
