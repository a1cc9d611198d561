package program

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Program is a recipe that was checked whole: every expression is compiled and typed, every argument has its
// type. It is immutable, and one program may run many times.
type Program struct {
	Recipe *schema.Recipe

	Facts     []*Fact
	Variables []NamedValue
	// Early are the variables that are known before the run exists.
	Early    []NamedValue
	locks    []Dynamic
	mounts   []mountDemand
	Timeout  Dynamic
	Steps    []*Node
	Failsafe []*Node
	Finally  []*Node
	Outputs  []NamedValue

	// ByPath finds the node of a journal's record.
	ByPath map[string]*Node
	// Root is the scope of the recipe's own steps.
	Root *StaticScope
	// uses are the recipes that it uses, and theirs, each once.
	uses []usedFile
	// Strands is how many branches all its parallels have.
	Strands int
}

// Name is the recipe's.
func (p *Program) Name() string { return p.Recipe.Name.Text }

// Title is what the run's task is called.
func Title(p *Program) string {
	if p.Recipe.Summary != nil && p.Recipe.Summary.Text != "" {
		return p.Name() + ": " + strings.TrimSuffix(p.Recipe.Summary.Text, ".")
	}
	return p.Name()
}

// NamedValue is a var, an output or an argument.
type NamedValue struct {
	Name  string
	Value Dynamic
	// Typ is what the value evaluates to.
	Typ value.Type
}

// Node is one step, compiled.
type Node struct {
	Step *schema.Step
	// recipe is the one that the step stands in: the program's, or one that it uses.
	recipe *schema.Recipe
	// at is the step's path, after that of the use that it comes by.
	at string
	// Parent is the group, parallel or use that it stands in; nil at the top. depth counts the nodes around
	// it, and branch the branches of a parallel.
	Parent *Node
	Depth  int
	Branch int
	// Number is its place in its list of steps, from 1, and siblings how many stand in that; 0 for a branch
	// of a parallel.
	Number, Siblings int
	// size counts the steps in it, itself and those of undos included.
	size int
	// Strand numbers the branches of the whole program, from 1.
	Strand int
	// Rescues is the group in whose rescue it stands; nil elsewhere.
	Rescues *Node
	// In is the scope where it stands; own is the scope of what it does: one of each round, where there is a
	// for-each.
	In, Own *StaticScope

	Items       *Items
	Title       Dynamic
	When, Until *expression.Expression
	timeout     Dynamic
	undoTimeout Dynamic
	Retry       *retryPolicy
	Undo        []*Node
	UndoLast    []*Node
	// Last is true where it stands in an undo-last.
	Last      bool
	Construct Construct
}

// Composed is the node's construct if it is made of other steps, else nil.
func (n *Node) Composed() Composition { return As[Composition](n) }

// Finally is what runs at the node's end, good or bad.
func (n *Node) Finally() []*Node {
	if made := n.Composed(); made != nil {
		return made.last()
	}
	return nil
}

// Path names the node in journals: it is stable as long as the recipe is, and the recipe is frozen with the
// run.
func (n *Node) Path() string { return n.at }

// ID is the step's id, or "".
func (n *Node) ID() string {
	if n.Step.ID == nil {
		return ""
	}
	return n.Step.ID.Text
}

// Label names the node for people: its id, or else its path, and those of a used recipe after the use.
func (n *Node) Label() string {
	if user := n.User(); user != nil {
		return user.Label() + "/" + n.Step.Label()
	}
	return n.Step.Label()
}

// Name tells the step from every other one of the run, for names of files and for programs: its id or path,
// after that of the use that it came by, and with the numbers of the rounds around it, from 1:
// "inner.fetch-2".
func (n *Node) Name(r runstate.Rounds) string {
	name := strings.ReplaceAll(n.Label(), "/", ".")
	for _, number := range r.In(n.Own.Loops) {
		name += fmt.Sprintf("-%d", number+1)
	}
	return name
}

// User is the use by which the node came into the program; nil for the recipe's own steps.
func (n *Node) User() *Node {
	for at := n.In; at != nil; at = at.Parent {
		if at.Used() {
			return at.Owner
		}
	}
	return nil
}

// Within reports whether the node is the other one, or a part of it.
func (n *Node) Within(other *Node) bool {
	for at := n; at != nil; at = at.Parent {
		if at == other {
			return true
		}
	}
	return false
}

// Changes reports whether the node's step type declares effects, and the recipe does not say that the step
// has none. A step that only reads makes no frame.
func (n *Node) Changes() bool {
	return n.Leaf() != nil && len(n.StepType().About().Effects) > 0 && n.Step.EffectsNone == nil
}

// Runs reports whether the node runs a program.
func (n *Node) Runs() bool {
	if n.Leaf() == nil {
		return false
	}
	for _, effect := range n.StepType().About().Effects {
		if effect.Kind == step.Runs {
			return true
		}
	}
	return false
}

// Opaque reports whether the node may change what gwe cannot see: it runs a program, or is of a type without
// an undo of its own.
func (n *Node) Opaque() bool {
	return n.Runs() || n.Leaf() != nil && n.StepType().About().Opaque()
}

// Repeatable reports whether a failed attempt may be followed by another without an undo between them: the
// type says so, or it runs a program, and the author who writes retry vouches for it.
func (n *Node) Repeatable() bool {
	return n.Leaf() != nil && (n.Runs() || n.StepType().About().Repeatable)
}

// Outputs is the object type of what the node leaves in steps.<id>.
func (n *Node) Outputs() value.Type { return n.Construct.outputs() }
