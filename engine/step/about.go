package step

import "slices"

// About describes a step type for people, for the schema and for the engine.
type About struct {
	// Name is the key in a recipe, "swap-link".
	Name string
	// Summary is one line that starts with a verb and has no full stop.
	Summary string
	// Doc is the page's body: what it promises, what it refuses, how it is undone. Paragraphs are separated
	// by blank lines.
	Doc string
	// Example is one step as YAML, validated by a test.
	Example string
	// Effects are declared statically, over arguments; none means that the type only reads.
	Effects []Effect
	// Fresh types make something new under a name of its own: no program can have taken it up before another
	// step names it.
	Fresh bool
	// Repeatable types may be attempted again without an undo between the attempts.
	Repeatable bool
	// Undo says in a few words how it is undone, for the plan and the doc; "" means there is nothing to undo
	// or, for a type with effects, that it has no undo of its own (then recipes write one).
	Undo string
	// UndoData is the version of what Prepare and Do save for the undo: the memo and the files in
	// Run.Directory; 0 counts as 1. Raise it whenever an older gwe could not undo by the new form. Undo must
	// read all versions up to it, or fail. Package scripts/kept keeps runs of each version of gwe's own
	// types.
	UndoData int
	// MakesDirectory means that the step type calls Run.MakeDirectory before it puts anything into
	// Run.Directory, which need not be there before. Verify then changes no file in it unless Run.Followed.
	MakesDirectory bool
	// Scalar names the argument that a scalar in place of the mapping stands for ("path" of remove, say); ""
	// is none.
	Scalar string
	// Choices say which of several arguments are given.
	Choices []Choice
}

// UndoVersion is the version of the type's undo data, from 1.
func (a About) UndoVersion() int { return max(a.UndoData, 1) }

// Choice is a set of arguments: just one of them is given, or more where Several is set.
type Choice struct {
	Names   []string
	Several bool
	// None is set where none of them is fine too.
	None bool
	// If names an argument, and the choice counts only where that one has a value of Is; "" is always.
	If string
	Is []string
}

// EffectKind is what kind of change a step makes.
type EffectKind string

const (
	// Writes: creates or changes what is at the path, or below it.
	Writes EffectKind = "writes"
	// Removes: removes what is at the path, or some of what is below it.
	Removes EffectKind = "removes"
	// Swaps: points the symbolic link at the path elsewhere.
	Swaps EffectKind = "swaps"
	// Runs: runs a program, whose effects are unknown to gwe.
	Runs EffectKind = "runs"
	// Refreshes: makes a running program take up what is on disk, as a restart or a reload does. Its undo is
	// the same refresh, and the engine runs it when everything older in the rollback context was undone.
	Refreshes EffectKind = "refreshes"
)

// OnPath reports whether the effect changes what is at a path that gwe knows.
func (k EffectKind) OnPath() bool { return k != Runs && k != Refreshes }

// Opaque reports whether a step of the type may have effects that gwe can neither see nor undo. Only such a
// step may say effects: none.
func (a About) Opaque() bool { return len(a.Effects) > 0 && a.Undo == "" }

// Refreshes reports whether the type has an effect of that kind.
func (a About) Refreshes() bool {
	return slices.ContainsFunc(a.Effects, func(e Effect) bool { return e.Kind == Refreshes })
}

// Effect is one change that a step type makes.
type Effect struct {
	Kind EffectKind
	// Argument names the argument that holds the path; for Runs it holds the program or is "", for Refreshes
	// it is "".
	Argument string
	// Conditional effects are there only where the argument is given.
	Conditional bool
	// If names an argument, and the effect is there only where that one has a value of Is; "" is always.
	If string
	Is []string
}

// Plan is what a step would do on this machine, with these arguments.
type Plan struct {
	// Do and Undo are lines for people: "link /opt/firmware/current -> firmware-2 (now firmware-1)".
	Do   []string
	Undo []string
	// UndoLast are lines of the part of the undo that runs when everything older was undone; see LastUndoer.
	UndoLast []string
	// Nothing is true where the machine is already as wanted.
	Nothing bool
	// Space maps a directory to the bytes that the step needs there.
	Space map[string]int64
	// Reads and Writes are the bytes of file contents that the step will surely read and write; 0 where
	// nobody knows yet.
	Reads, Writes int64
	// Fails is why Do will fail although the step can be carried out; nil where that is not known. Unlike an
	// error of Plan it does not refuse the run.
	Fails error
	// Outputs are those outputs that can be known without acting, by name: later steps are planned with them.
	Outputs map[string]any
}
