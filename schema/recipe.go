package schema

import (
	"github.com/gwe-project/gwe/engine/step"
)

// Lock is one name of lock.
type Lock struct {
	Scalar
	// Mounted is what must be mounted before a run begins: a bool, a path, or a list of paths, or an
	// expression of such a type; nil is nothing.
	Mounted Node
}

// Recipe is one recipe file, checked in all that needs no typing of expressions.
type Recipe struct {
	// File is the name that diagnostics carry; Source is the file's content, byte by byte.
	File   string
	Source []byte

	// Name is a short name: letters, digits, dots, dashes and underscores.
	Name Scalar
	// Summary is nil where there is none, as is every other pointer here.
	Summary *Scalar
	Inputs  []*Input
	Facts   []*Fact
	Vars    []Binding
	// Lock names what one run at a time may work on; each is text that may hold expressions.
	Lock     []Lock
	Timeout  *Setting
	Defaults Defaults

	Steps    []*Step
	Failsafe []*Step
	Finally  []*Step
	Outputs  []Binding

	// Spoilt are the names that are declared with a mistake, which the diagnostics tell: "inputs.keep",
	// "facts.board", "steps.fetch".
	Spoilt map[string]bool
	// IDs are the ids of all steps, wherever they stand.
	IDs map[string]Scalar
}

// Binding gives a name to a value: a variable, or an output of the recipe.
type Binding struct {
	Name  Scalar
	Value Node
}

// Setting is a scalar of a fixed type: a duration, say, or a number.
type Setting struct {
	Scalar
	// Value is the canonical value of a literal (value.Duration, int, float64), within
	// its bounds; nil where the scalar is Dynamic.
	Value any
}

// Defaults stand in for what a step leaves out.
type Defaults struct {
	// Timeout and UndoTimeout are durations, for each attempt of a step and for each undo.
	Timeout     *Setting
	UndoTimeout *Setting
	Retry       *Retry
}

// Retry says how often a failed step is attempted again.
type Retry struct {
	Span
	// Attempts counts the first one too: an int, at least 1.
	Attempts *Setting
	// Delay is the wait before the second attempt; it grows by Factor (a float, at least 1) up to MaxDelay,
	// and varies by Jitter (a float, 0 to 1). Delay and MaxDelay are durations.
	Delay    *Setting
	Factor   *Setting
	MaxDelay *Setting
	Jitter   *Setting
	// Total bounds all attempts and waits together: a duration.
	Total *Setting
	// When is a bare boolean expression.
	When *Scalar
}

// Step is one element of steps, of a group or a parallel, of rescue, failsafe, finally or an undo.
type Step struct {
	// Span is the step's first key.
	Span
	// Path says where the step stands: "steps[3]", "steps[3].undo[0]", "steps[3].steps[1]",
	// "steps[3].rescue[0]", "steps[3].parallel[2]", "failsafe[0]", "finally[1]".
	Path string
	// ID is nil where the step has none; unique in the recipe.
	ID *Scalar
	// Name is text that may hold expressions.
	Name *Scalar
	// ForEach is a List, a Map, or a Scalar that is one ${{ }}; nil where the step is carried out once.
	ForEach Node
	// When and Until are bare boolean expressions.
	When  *Scalar
	Until *Scalar
	// Timeout is a duration, for each attempt.
	Timeout *Setting
	Retry   *Retry
	// Undo is what the author adds to the type's own undo. UndoNone is the word none in its place: nothing
	// more can be done.
	Undo     []*Step
	UndoNone *Scalar
	// UndoLast runs when everything older in the rollback context was undone.
	UndoLast []*Step
	// EffectsNone is the key of effects: none, the author's word that the step only looks; nil where it is
	// not there.
	EffectsNone  *Scalar
	AllowFailure bool
	// Allow names the rules of package proof that the step may break.
	Allow []Allowance
	// Action is never nil in a recipe without errors.
	Action Action
}

// Label is the step's id, or its path where it has none.
func (s *Step) Label() string {
	if s.ID != nil {
		return s.ID.Text
	}
	return s.Path
}

// Action is what a step does: a Leaf, a Group, a Parallel, a Use, a Reboot, a Confirm, a HandOver, a Commit
// or a Stop.
type Action interface {
	// Keyword is the key in the recipe: "unpack", "commit".
	Keyword() Scalar
	action()
}

// Leaf is one step type and its arguments.
type Leaf struct {
	Key  Scalar
	Type step.Type
	// Arguments are named as the type names them, each one at most once and all required ones there. A scalar
	// in place of the mapping has become the argument that it stands for. Literals fit the argument's type;
	// expressions are not compiled yet.
	Arguments Map
}

// Group is a rollback context of its own: where one of its steps fails, it is rolled back, and then rescue
// may take over.
type Group struct {
	Key   Scalar
	Steps []*Step
	// Rescue runs where the group failed and all of it could be rolled back; the group then counts as done.
	Rescue []*Step
	// Finally runs at the group's end, good or bad.
	Finally []*Step
}

// Parallel is branches that run side by side. A branch of several steps is a Group.
type Parallel struct {
	Key      Scalar
	Branches []*Step
	// Limit is how many branches run at one time, an int of at least 1; nil is all.
	Limit *Setting
}

// Use is another recipe, with inputs of its own.
type Use struct {
	Key Scalar
	// Recipe is the file, relative to the directory of this recipe's, or the bare name of a shipped recipe.
	Recipe Scalar
	With   []Binding
}

// Reboot is where the run waits for the machine to come back. It stands among the recipe's own steps only.
type Reboot struct {
	Key Scalar
	// Within is how long the run waits, a duration; never nil in a recipe without errors.
	Within *Setting
	// Command is the program that reboots the machine, and its arguments; nil is the usual one, and an empty
	// list is nobody of ours.
	Command *List
	// Expect and Await are bare boolean expressions, or nil: whether the machine came back in the right
	// system, and whether it is ready to continue.
	Expect, Await *Scalar
	// Attempts is how many reboots are asked for, an int of at least 1; nil is 1.
	Attempts *Setting
}

// Confirm is where the run waits until somebody says that what it did is good, or until that has held for a
// time. It stands among the recipe's own steps only, and before the commit.
type Confirm struct {
	Key Scalar
	// Within is how long the run waits, a duration; never nil in a recipe without errors.
	Within *Setting
	// Boots is how many boots of the machine it outlives, an int of at least 1; nil is the usual number.
	Boots *Setting
	// Until is a bare boolean expression, or nil where only somebody confirms; it must hold For a duration,
	// nil is once.
	Until *Scalar
	For   *Setting
}

// HandOver is where another gwe continues the run. It stands among the recipe's own steps only.
type HandOver struct {
	Key Scalar
	// Program is the path of that gwe; never nil in a recipe without errors.
	Program *Scalar
	// Within is how long it may take until it has taken the run over, a duration; nil is the usual time.
	Within *Setting
}

// Commit is the point of no return.
type Commit struct {
	Key  Scalar
	Text Scalar
}

// Stop ends the run well.
type Stop struct {
	Key  Scalar
	Text Scalar
}

func (l Leaf) Keyword() Scalar     { return l.Key }
func (g Group) Keyword() Scalar    { return g.Key }
func (p Parallel) Keyword() Scalar { return p.Key }
func (u Use) Keyword() Scalar      { return u.Key }
func (r Reboot) Keyword() Scalar   { return r.Key }
func (c Confirm) Keyword() Scalar  { return c.Key }
func (h HandOver) Keyword() Scalar { return h.Key }
func (c Commit) Keyword() Scalar   { return c.Key }
func (s Stop) Keyword() Scalar     { return s.Key }

func (Leaf) action()     {}
func (Group) action()    {}
func (Parallel) action() {}
func (Use) action()      {}
func (Reboot) action()   {}
func (Confirm) action()  {}
func (HandOver) action() {}
func (Commit) action()   {}
func (Stop) action()     {}
