package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Runner is one process's work on one run: forward, back, or the end of what a crash left. Each branch of a
// parallel has one of its own; what they share is work.
type Runner struct {
	*work
	// Backward is true while something is rolled back: then the work continues even where the journal cannot
	// be written.
	Backward bool
	// strand is the number of the branch; 0 is the run's own.
	strand int
}

// work is what all branches of a run share.
type work struct {
	Config    Config
	Program   *program.Program
	Directory runstate.RunDirectory
	State     *State
	// Task is the run's own; steps are tasks below it.
	Task *tasklog.Task
	Mask *tasklog.Mask
	// log is the run's full log; nil where it could not be made, which fails no run.
	log *tasklog.File
	// Earlier are the runs whose undo may still be asked for by hand.
	Earlier []*runstate.StoredRun
	// leasesElsewhere are what undos of other state directories need, once lookElsewhere has looked.
	lookElsewhere   sync.Once
	leasesElsewhere []string
	// abandoned is what frames after the commit kept, and what gwe leaves for good.
	abandoned []runstate.AbandonedRecord
	// began is when this process began to work on the way forward, since the boot.
	began time.Duration
	// Supersede releases, after a commit, what the undos of earlier runs kept whose rollback that ends; nil
	// where the run cannot commit.
	Supersede func(ctx context.Context, task *tasklog.Task)

	// writing lies around the journal, so that the history takes records in the journal's order; it guards
	// all below.
	writing sync.Mutex
	Journal journal.Writer
	// reserved is how many bytes of the journal are kept free for the way back.
	reserved int64
	// Number is the last frame's that was given out.
	Number int
	// unwritten is why not all records of the way back are in the journal; nil while they are. lost means
	// that one never will be.
	unwritten error
	lost      bool
	// Recovers is set in a process that ends a run which another one began.
	Recovers bool
	// halted means that the journal failed on the way forward: no step may be forgiven, for the next could
	// not be undone.
	halted bool
	// insisted is true where something during a rollback was tried twice in vain.
	insisted atomic.Bool
	// looked are the paths of which the journal has what was there before the run.
	looked map[string]bool
	// sites are where the steps of this process acted.
	sites []site
	// GaveUp is why nothing after the commit is given up now: that takes the machine down.
	GaveUp error
}

// New is a process's work on a run, without a journal of its own where it only looks at it.
func New(c Config, h *State, written journal.Writer) *Runner {
	return &Runner{work: &work{Config: c, Program: h.Program, Directory: h.directory, Journal: written, State: h, Mask: h.Secrets.mask}}
}

// Begin is a process's work on a run, with a log of its own and a task in it.
func Begin(c Config, h *State, written journal.Writer, kind, title string) *Runner {
	x := New(c, h, written)
	sinks := tasklog.Fanout{tasklog.OfRun(h.directory.ID(), c.Sink)}
	if file, err := tasklog.OpenFile(h.directory.NextLog()); err == nil {
		x.log = file
		sinks = append(sinks, file)
	}
	h.Secrets.kept = true
	x.Mask.SendTo(sinks)
	x.Task = tasklog.Begin(x.Mask, kind, title)
	return x
}

// Close ends the process's work on the run.
func (x *Runner) Close() {
	_ = x.Journal.Close()
	if x.log != nil {
		_ = x.log.Close()
		x.log = nil
	}
}

// asRollback is the same work during a rollback.
func (x *Runner) asRollback() *Runner {
	return &Runner{work: x.work, Backward: true, strand: x.strand}
}

// branch is the work on a branch of a parallel.
func (x *Runner) branch(n *program.Node) *Runner {
	return &Runner{work: x.work, Backward: x.Backward, strand: n.Strand}
}

// journalFailed reports whether the journal failed on the way forward.
func (x *Runner) journalFailed() bool {
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.halted
}

// nextFrame gives out the number of a frame.
func (x *Runner) nextFrame() int {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.Number++
	return x.Number
}

// Append makes a record durable, and only then part of the history.
func (x *Runner) Append(kind string, record any) error {
	return x.write(kind, record, journal.Writer.Append)
}

// note writes a record in order, durable with the next append: for what may be lost without harm, because
// recovery then undoes or repeats it.
func (x *Runner) note(kind string, record any) error {
	return x.write(kind, record, journal.Writer.Note)
}

func (x *Runner) write(kind string, record any, write func(journal.Writer, string, any) error) error {
	data, err := runstate.EncodeRecord(record)
	if err != nil {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	if !x.Backward && x.unwritten != nil {
		x.repairJournal() // nothing goes forward on a journal that does not tell all
	}
	if err := x.State.Follows(kind); err != nil {
		return fault.New(fault.Errored, "journal-order", "cannot journal a record of kind %q here", kind).WithCause(err).
			WithHint("this is a defect of gwe: report it with `gwe support-bundle`")
	}
	if err := write(x.Journal, kind, data); err != nil {
		if !x.Backward {
			x.halted = true
			return err
		}
		x.holdRecord(err)
	}
	decoded, err := runstate.Taken(kind, record, data)
	if err != nil {
		return err
	}
	return x.State.take(kind, decoded)
}

// environment is what a step type gets to work with, in a place of the run: its frame, the undo of its frame,
// failsafe or finally. recovering is true during a rollback. The directory is made here, unless the step
// type makes it when it needs it; one of a dead attempt may be there already.
func (x *Runner) environment(n *program.Node, r runstate.Rounds, where runstate.Place, recovering bool, task *tasklog.Task) (*stepRun, error) {
	made := &stepRun{}
	made.Run = &step.Run{
		ID:          x.Directory.ID(),
		Step:        n.Name(r),
		Recovering:  recovering,
		Machine:     x.Config.Machine,
		Log:         task,
		Secrets:     x.State.Secrets,
		Writable:    x.writable,
		Directory:   x.Directory.Place(where),
		Leased:      x.leased,
		Kept:        func(string) {},
		Covered:     func(string) bool { return false },
		Environment: x.variables(n, r, where, recovering),
	}
	made.Make = func() error { return x.makeDirectory(made, where) }
	x.watch(made, where)
	if n.StepType().About().MakesDirectory {
		return made, nil
	}
	made.directory = true
	return made, x.makeRoom(where)
}

// makeDirectory makes a step's directory, once.
func (x *Runner) makeDirectory(run *stepRun, where runstate.Place) error {
	if run.directory {
		return nil
	}
	if err := os.Mkdir(run.Directory, 0o700); err != nil {
		if err := x.makeRoom(where); err != nil {
			return err
		}
	}
	run.directory = true
	if run.frame != nil {
		run.frame.Here, run.frame.Bare = true, false
	}
	return nil
}

// makeRoom makes the directory in which steps of the way back will work. When they come, the file system may
// have no room for it.
func (x *Runner) makeRoom(where runstate.Place) error {
	// MkdirAll looks first: an undo makes no call that may fail where the directory is there already, as it
	// is since the way forward.
	if err := os.MkdirAll(x.Directory.Place(where), 0o700); err != nil {
		return runstate.StateUnusable(x.Config.State.Directory, err)
	}
	return nil
}

// emptyDirectory removes what is in a directory of the state. The directory itself stays: on a full disk
// another program could take its block.
func emptyDirectory(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		err = cmp.Or(err, os.RemoveAll(filepath.Join(path, entry.Name())))
	}
	return err
}

// stepRun is what a step type gets to work with, and what it did with it.
type stepRun struct {
	*step.Run
	// launched is true once it has started a program: what may have changed is then anybody's guess.
	launched atomic.Bool
	// directory is true once its directory was made.
	directory bool
	// frame is the frame that this process is making; nil in what comes after.
	frame *Frame
}

// watch makes the children of a step known as those of a place.
func (x *Runner) watch(run *stepRun, where runstate.Place) {
	run.Started = func(pid int) {
		run.launched.Store(true)
		x.started(where, pid)
	}
}

// variables are what every child process of a step finds in its environment.
func (x *Runner) variables(n *program.Node, r runstate.Rounds, where runstate.Place, recovering bool) []string {
	flag := "0"
	if recovering {
		flag = "1"
	}
	after := "0"
	if recovering && x.State.Rollback {
		after = "1"
	}
	own := []string{
		"GWE_AFTER_COMMIT=" + after,
		"GWE_RUN_ID=" + x.Directory.ID(),
		"GWE_STEP=" + n.Name(r),
		"GWE_RECOVERING=" + flag,
		x.Mark(where),
	}
	if place := os.Getenv(claim.Variable); place != "" {
		own = append(own, claim.Variable+"="+place) // gwe that a step starts has to meet this one
	}
	return append(own, x.earlyVariables()...)
}

// started journals a child. A lost record does no harm after a power cut, for the child is gone with the
// machine.
func (x *Runner) started(where runstate.Place, pid int) {
	identity, err := process.Identify(pid)
	if err != nil {
		return // it has ended already
	}
	_ = x.note(runstate.RecordProcess, runstate.ProcessRecord{Place: where, PID: identity.PID, Start: identity.Start, Boot: identity.BootID})
}

const (
	placeRead     runstate.Place = "read"
	PlaceFacts    runstate.Place = "facts"
	placeFailsafe runstate.Place = "failsafe"
	placeFinally  runstate.Place = "finally"
)

// placeOfRead is where the reading steps of a branch work: one a branch, for they run side by side.
func placeOfRead(strand int) runstate.Place {
	if strand == 0 {
		return placeRead
	}
	return runstate.Place(fmt.Sprintf("%s-%d", placeRead, strand))
}

func placeOfUndo(frame int) runstate.Place { return runstate.PlaceOf(frame) + "-undo" }

// Mark is the variable by which recovery knows the children of a place, wherever they went in the process
// tree.
func (x *Runner) Mark(where runstate.Place) string {
	return process.PlaceVariable + "=" + x.MarkOfRun() + "/" + string(where)
}

// MarkOfRun is what all marks of the run begin with; a run of another state directory may have the same id.
func (x *Runner) MarkOfRun() string { return x.Directory.ID() + "-" + x.State.Begin.Mark }

// Arguments evaluates the arguments of a leaf.
func (x *Runner) Arguments(n *program.Node, names map[string]any) (values map[string]any, secret bool, err error) {
	values, err = program.EvaluateAll(n.Arguments(), names)
	if err != nil {
		return nil, false, fault.New(fault.Failed, "argument-invalid", "an argument of %s cannot be used", n.StepType().About().Name).WithCause(err)
	}
	for _, argument := range n.Arguments() {
		secret = secret || argument.Value.Secret()
		if err := checkPath(argument, values[argument.Name]); err != nil {
			return nil, false, err
		}
	}
	return values, secret, nil
}
