package step

import "context"

// Action is what a step type does, over its arguments A, its memo M and its outputs O.
//
// A and O are structs whose fields carry tags:
//
//	Into value.Path `name:"into" required:"true" help:"directory that receives the release"`
//	Keep int        `name:"keep" default:"2" help:"how many releases stay"`
//	Mode string     `name:"mode" enum:"a,b" default:"a" help:"..."`
//	Target *value.Path `name:"target" present:"found" help:"..."`   (an output that may be absent)
//
// Argument names are kebab-case, output names snake_case. M is any struct that encoding/json can carry.
// The doc page of the type is made of these tags and of About.
type Action[A, M, O any] interface {
	// Plan says what Do would do, without doing it.
	Plan(ctx context.Context, machine Machine, arguments A) (Plan, error)
	// Prepare captures what Undo will need.
	Prepare(ctx context.Context, run *Run, arguments A) (M, error)
	// Do acts.
	Do(ctx context.Context, run *Run, arguments A, memo M) (O, error)
	// Undo rolls back what Do did, or did in part, or did not do at all.
	Undo(ctx context.Context, run *Run, arguments A, memo M) error
}

// Syncer is an Action that makes its own effects durable, where that is cheaper than a syncfs of each file
// system.
type Syncer[A, M any] interface {
	Sync(ctx context.Context, run *Run, arguments A, memo M) error
}

// Durable is an Action whose Do and Undo make all that they change durable before they return: nothing is
// synced after them. One that is a Syncer too is asked as that.
type Durable interface{ IsDurable() }

// Leaser is an Action whose undo needs paths to stay: prune and its like must not remove them while the lease
// lasts. A symbolic link that leads there stays too; a path that is a link itself stands for the link and for
// what it leads to.
type Leaser[A, M any] interface {
	Leases(arguments A, memo M) []string
}

// Releaser is an Action that kept something for its undo outside Run.Directory, and gives it up when the undo
// can no longer be asked for: at the next commit, or on forget. Like Undo it may be called twice.
type Releaser[A, M any] interface {
	Release(ctx context.Context, run *Run, arguments A, memo M) error
}

// Verifier is an Action that, just before the commit, makes sure that what it did still stands: that no file
// which it linked to the running release was written in place, say. Its error fails the run.
type Verifier[A, M any] interface {
	Verify(ctx context.Context, run *Run, arguments A, memo M) error
}

// Inspector is an Action that tells, before a rollback by hand, whether the machine is as Do left it, and
// whether what the undo needs is still there. It only reads; its error refuses the rollback before anything
// is touched.
type Inspector[A, M any] interface {
	Inspect(ctx context.Context, run *Run, arguments A, memo M) error
}

// Toucher is an Action that changes a few entries of a directory that its effects name: Touches lists them,
// absolute. Another step's change of the directory's other entries is then judged on its own before a
// rollback by hand.
type Toucher[A, M any] interface {
	Touches(run *Run, arguments A, memo M) ([]string, error)
}

// Keeper is an Action that foresees, before a manual rollback, what its Undo would not delete because it came
// or was changed after the commit. It only reads.
type Keeper[A, M any] interface {
	Keeps(ctx context.Context, run *Run, arguments A, memo M) (Keeping, error)
}

// Keeping is what an undo after the commit takes away, and what it leaves.
type Keeping struct {
	// Made are the paths that the undo takes away, with all that the step made below them.
	Made []string
	// Later are the entries that it leaves.
	Later []Later
}

// Later are entries of a directory, or a file of the run itself, that came or were changed after the commit.
type Later struct {
	// Directory is what the run made, absolute; a file stands for itself.
	Directory string `json:"directory"`
	// To is the directory beside it to which they would move; "" where they stay.
	To string `json:"to,omitempty"`
	// Entries are the first of them, relative to Directory; More is how many others there are.
	Entries []string `json:"entries"`
	More    int      `json:"more,omitempty"`
}

// ServiceUser is an Action that may need services of the machine: a daemon that it talks to. Early in a boot
// these are not there, so where such a step stands in an undo, in failsafe or in finally, it is left to the
// recovery after them.
type ServiceUser[A any] interface {
	NeedsServices(arguments A) bool
}

// EarlyUndoer is an Action whose Undo needs services. Early in a boot UndoEarly is called in its place: it
// rolls back what needs none, files say, so that the services start on them, and reports whether there is a
// rest. For that Undo is called when they are there; it finds what UndoEarly did, and may be called without
// it. Like Undo, both may be called twice.
type EarlyUndoer[A, M any] interface {
	UndoEarly(ctx context.Context, run *Run, arguments A, memo M) (rest bool, err error)
}

// LastUndoer is an Action whose undo has a second part, which belongs after the undo of everything older in
// the rollback context: a program that was restarted must be restarted once more when the files that it runs
// from are back. Undo still runs in its place, for what must happen there, and UndoLast when the rest was
// undone. Like Undo it may be called twice, in another process, and without a good end of Undo. Where the
// context lies within the run, it is called at once, and again when older changes of the run are undone.
//
// Where a type has an effect of kind Refreshes and no UndoLast, its whole Undo runs last.
type LastUndoer[A, M any] interface {
	// OwesLast reports whether there is anything to do last after a step with these arguments.
	OwesLast(arguments A, memo M) bool
	UndoLast(ctx context.Context, run *Run, arguments A, memo M) error
}

// Nothing is the memo or the outputs of a type that has none.
type Nothing struct{}
