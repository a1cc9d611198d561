package engine

import (
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
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
	timeout  dynamic
	steps    []*node
	failsafe []*node
	finally  []*node
	outputs  []namedValue

	// byPath finds the node of a journal's record.
	byPath map[string]*node
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
	step        *schema.Step
	title       dynamic
	when, until *expression.Expression
	timeout     dynamic
	undoTimeout dynamic
	retry       *retryPolicy
	undo        []*node
	action      action
}

// action is what the node does: exactly one of a leaf's step type, the commit, or a stop.
type action struct {
	stepType  step.Type
	arguments []namedValue
	commit    dynamic
	stop      dynamic
}

// path names the node in journals: it is stable as long as the recipe is, and the recipe is frozen with the run.
func (n *node) path() string { return n.step.Path }

// id is the step's id, or "".
func (n *node) id() string {
	if n.step.ID == nil {
		return ""
	}
	return n.step.ID.Text
}

// label names the node for people: its id, or else its path.
func (n *node) label() string { return n.step.Label() }

// changes tells whether the node's step type declares effects. A step that only reads makes no frame.
func (n *node) changes() bool {
	return n.action.stepType != nil && len(n.action.stepType.About().Effects) > 0
}

// runs tells whether the node runs a program.
func (n *node) runs() bool {
	if n.action.stepType == nil {
		return false
	}
	for _, effect := range n.action.stepType.About().Effects {
		if effect.Kind == step.Runs {
			return true
		}
	}
	return false
}

// repeatable tells whether a failed attempt may be followed by another without an undo between them: the type says so, or
// it runs a program, and the author who writes retry vouches for it.
func (n *node) repeatable() bool { return n.runs() || n.action.stepType.About().Repeatable }

// outputs is the object type of what the node leaves in steps.<id>.
func (n *node) outputs() value.Type {
	if n.action.stepType == nil {
		return value.Type{Kind: value.KindObject}
	}
	return n.action.stepType.Outputs()
}
