package step

import (
	"io/fs"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// Settled is what the names of those files in Run.Directory end in that Verify writes. The journal has no
// digest of them: gwe may die before the commit, or a power cut take them away. They check themselves, and
// the undo can do without them.
const Settled = "-settled"

// Run is what the engine hands to prepare, do and undo.
type Run struct {
	// ID is the run's id; Step names the step in it, fit for a file name: its id or its path ("steps[3]"),
	// with what tells it from others in a used recipe or another round ("inner.fetch-2").
	ID, Step string
	// Recovering is true when the machine is being rolled back: in an undo, a failsafe, or a recovery.
	Recovering bool
	// AfterCommit is true where the undo is a manual one: the run had committed, and was in use since. Then
	// Undo must not delete what the run did not make, or what was changed since: it leaves such entries where
	// they are, or moves them aside. Package made does so for what a step recorded.
	AfterCommit bool
	// Kept is told of each directory to which Undo moved such entries, absolute and durable by then; also by
	// an undo that runs again. It is never nil in an Undo.
	Kept func(path string)
	// Covered reports, to Keeps, whether the undo of a later step takes the path away before this one.
	Covered func(path string) bool
	// Again is true in an UndoLast that is called once more when older changes of the run are undone, which
	// stand now. What it needs then must stay.
	Again bool
	// Followed reports, to Undo and Verify, that a program of the same run started after the step: whatever
	// took the place of what the step put there may be that program's work. Before the commit it goes with
	// the rest, as a change in place does. It is false if a later step that stands changed the same path.
	Followed bool
	// Obscured tells Inspect that something else is undone before this, by a program that may take away what
	// stands in the way.
	Obscured bool
	// Machine reads the machine.
	Machine Machine
	// Log is the step's task: lines and progress go there.
	Log *tasklog.Task
	// Secrets knows the secrets of the run; nil where it has none.
	Secrets Secrets
	// Directory is the frame's own directory in the run's state, 0700, for saved contents; it lives until the
	// undo can no longer be asked for. It exists, unless About.MakesDirectory says that MakeDirectory is
	// called first, and what Prepare writes there is made durable before Do.
	//
	// The journal has the length and SHA-256 of each file that is there after Prepare and, once Do has ended,
	// of all files. The engine checks them before an undo begins. What Do writes and acts on before it ends
	// must check itself (durable.WriteNote does), and be durable before Do acts on it. Verify writes only new
	// files whose names end in Settled.
	Directory string
	// Make is what MakeDirectory calls; if it is nil, Directory exists.
	Make func() error
	// Parents are the directories that hold what the step changes: Dir notes and checks them. If it is nil,
	// Dir goes by the rule of package openat alone.
	Parents *Parents
	// Leased reports whether an undo, of this run or of an earlier one, still needs the path, something below
	// it, or what it lies in. A symbolic link at the path is the link, not what it leads to.
	Leased func(path string) bool
	// Writable tells the files and directories that the run works on: those that its locks cover, and those
	// that its steps have changed. A program that is confined may change these. It may be nil.
	Writable func() []string
	// Started is told of every process right after its start, so that recovery can end what a dead run left
	// behind.
	Started func(pid int)
	// Environment holds the variables that every child process gets: GWE_RUN_ID, GWE_STEP, GWE_RECOVERING,
	// GWE_AFTER_COMMIT, and a mark by which recovery knows the process.
	Environment []string
}

// MakeDirectory makes Directory, if it is not there, for a step type that says About.MakesDirectory. It may
// be called any number of times.
func (r *Run) MakeDirectory() error {
	if r.Make == nil {
		return nil
	}
	return r.Make()
}

// Machine reads the machine; it cannot change it. Plan gets nothing else.
type Machine interface {
	Lstat(path string) (fs.FileInfo, error)
	Stat(path string) (fs.FileInfo, error)
	ReadLink(path string) (string, error)
	ReadDir(path string) ([]fs.DirEntry, error)
	ReadFile(path string) ([]byte, error)
	Open(path string) (fs.File, error)
	// Space returns the bytes that this user may still write on the path's file system, or SpaceUnknown.
	Space(path string) (free int64, err error)
	// LookPath finds a program as exec would.
	LookPath(name string) (string, error)
}

// Secrets knows the secrets of a run. It may be used by several goroutines.
type Secrets interface {
	// Holds reports whether a secret stands in a text, as it is or in a form that is masked too.
	Holds(text string) bool
	// Computed adds what a step made of a secret: from now on it is masked in the log, in errors and in the
	// journal.
	Computed(text string)
}

// Confidant is a Machine that also knows, for a plan, the secrets of the planned run.
type Confidant interface {
	Secrets() Secrets
}

// Bounded is a Machine that also knows, for a plan, what Run.Writable will be at least.
type Bounded interface {
	Writable() []string
}

// SecretsOf are the secrets that a machine knows; nil where it knows of none.
func SecretsOf(machine Machine) Secrets {
	if knowing, ok := machine.(Confidant); ok {
		return knowing.Secrets()
	}
	return nil
}

// Retainer is a Machine that also knows, for a plan, what the undos of earlier runs need, whichever these
// runs may be that the commit of the planned run leaves alone.
type Retainer interface {
	// Leased reports whether such an undo needs the path or something below it.
	Leased(path string) bool
}
