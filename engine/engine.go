package engine

import (
	"context"
	"crypto/rand"
	"os"
	"time"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Engine runs programs. Its fields are set once, before the first call.
type Engine struct {
	// State is where runs are kept.
	State State
	// Catalog holds the step types; recovery compiles frozen recipes with it.
	Catalog step.Catalog
	// Machine reads the machine; step.Local{} on a device.
	Machine step.Machine
	// Sink takes the log's events for people; each run keeps its full log besides.
	Sink tasklog.Sink
	// Version is gwe's own, for the journal.
	Version string
	// Journals, where it is not nil, stands between the engine and every journal that it writes.
	Journals func(journal.Writer) journal.Writer
	// Early is for a recovery early in a boot, in front of the services: it leaves to a later one what needs
	// these, suspended runs too.
	Early bool
	// Recoveries, where it is not nil, finds what runs gwe recover on the machine; nil looks at its units,
	// crontabs and processes.
	Recoveries func() []host.Recovery
	// Confine, where it is not nil, gives up the process's right to change anything: Plan calls it before it
	// asks the first step type.
	Confine func() error
	// VolatileState is set where the operator accepts a state directory that does not survive a power cut,
	// beside targets that do.
	VolatileState bool
	// Place is where the gwes of this user meet; its zero value is the usual one.
	Place claim.Place
	// Untrusted is set where the operator accepts a state directory and programs of facts that a less trusted
	// user can change.
	Untrusted bool
	// HandOver is how a run is handed over to another gwe.
	HandOver HandOver
	// Waits, where it is not nil, is told once why Confirm or CancelSuspended waits for a moment: a recovery
	// may be looking at the run.
	Waits func(busy error)
	// Clock tells the boot and the time since then; nil is the machine's.
	Clock func() host.Moment
}

// Run carries a program out, or rolls everything back. It takes the locks, recovers what earlier runs left,
// checks the inputs and the plan, and then runs the steps. When ctx is cancelled, the run is rolled back
// before Run returns; a cause of type *Stopped gives the exit code of the signal.
//
// The result tells how the run ended, and holds the first error. Errors before the run exists (a busy lock,
// an invalid input) come as the error, with an empty result.
func (e *Engine) Run(ctx context.Context, compiled *Program, given Inputs) (Result, error) {
	locks, err := e.lock()
	if err != nil {
		return Result{}, err
	}
	defer locks.release()
	earlier, settled, err := e.recoverAll(ctx, locks)
	if err != nil {
		return Result{}, err
	}
	if err := runstate.NoneSuspended(settled); err != nil {
		return Result{}, err
	}
	if err := roomToAct(); err != nil {
		return Result{}, err
	}
	begin, names, err := e.begin(compiled, given)
	if err != nil {
		return Result{}, err
	}
	if err := runstate.NotAsBefore(runstate.LockedPaths(begin.Locks), earlier); err != nil {
		return Result{}, err
	}
	if err := e.claimPaths(locks, "", runstate.LockedPaths(begin.Locks)); err != nil {
		return Result{}, err
	}
	if err := e.settledElsewhere(locks, &begin, earlier); err != nil {
		return Result{}, err
	}
	begin.Targets = runstate.TargetsOf(begin.Locks, begin.Mounts)
	x, err := e.create(ctx, compiled, begin, names)
	if err != nil {
		return Result{}, err
	}
	defer x.Close()
	e.supersedes(x, earlier, locks)
	locks.name(x.Directory.ID())
	e.warnOfUnresolved(x)
	warnOfShortSecrets(x)
	e.warnOfStrangers(x)
	warnOfForgotten(x, begin.Forgotten)
	return e.run(ctx, x, locks), nil
}

// run takes the run from its first step to its end.
func (e *Engine) run(ctx context.Context, x *run.Runner, held *locks) Result {
	bounded, cancel, err := x.Bounded(ctx)
	defer cancel()
	if err == nil {
		err = e.preflight(bounded, x)
	}
	if err == nil {
		err = x.List(bounded, x.Program.Steps, nil, x.Task)
	}
	return e.endForward(ctx, bounded, x, held, err)
}

// begin works out what the begin record says, with everything that does not need the run's directory; and the
// names that expressions can read already.
func (e *Engine) begin(compiled *Program, given Inputs) (runstate.BeginRecord, map[string]any, error) {
	inputs, err := compiled.Resolve(given)
	if err != nil {
		return runstate.BeginRecord{}, nil, err
	}
	record := runstate.BeginRecord{
		Recipe: compiled.Name(), File: compiled.Recipe.File, Digest: runstate.Digest(compiled.Recipe.Source),
		Version: e.Version, PID: os.Getpid(), Boot: e.now().Boot, Mark: rand.Text(),
	}
	machine, machineType, err := HostFacts()
	if err != nil {
		return runstate.BeginRecord{}, nil, err
	}
	if record.Host, err = program.EncodeObject(machineType, machine); err != nil {
		return runstate.BeginRecord{}, nil, err
	}
	names := map[string]any{"inputs": inputs, "host": machine}
	variables, err := program.EvaluateVariables(compiled.Early, names)
	if err != nil {
		return runstate.BeginRecord{}, nil, err
	}
	early := program.With(names, "vars", variables)
	if record.Locks, err = program.LockNames(compiled, early); err != nil {
		return runstate.BeginRecord{}, nil, err
	}
	if err := program.MountedInputs(compiled.Recipe.Inputs, inputs); err != nil {
		return runstate.BeginRecord{}, nil, err
	}
	record.UndoData = program.UndoVersions(compiled)
	record.Mounts, err = program.Mounted(compiled, early)
	return record, names, err
}

// create makes the run's directory, its frozen recipe and its journal. From the begin record on the run
// exists.
func (e *Engine) create(ctx context.Context, compiled *Program, begin runstate.BeginRecord, names map[string]any) (x *run.Runner, err error) {
	id, err := runstate.NewRun(e.State, time.Now())
	if err != nil {
		return nil, err
	}
	directory := runstate.DirectoryOf(e.State, id)
	defer func() {
		if err != nil {
			_ = os.RemoveAll(string(directory))
			err = runstate.NotBegun(e.State, err)
		}
	}()
	begin.Run = id
	if begin.Uses, err = program.Freeze(compiled, directory); err != nil {
		return nil, err
	}
	if err := program.FreezePlugins(compiled, directory, &begin); err != nil {
		return nil, err
	}
	if err := program.KeepInputs(compiled, directory, names["inputs"].(map[string]any), &begin); err != nil {
		return nil, err
	}
	written, err := journal.Create(directory.Journal(), e.Version, run.ReserveFor(compiled))
	if err != nil {
		return nil, err
	}
	h := run.NewState(compiled, directory)
	h.SetInputs(begin, names)
	x = e.beginRunner(h, written, "run", program.Title(compiled))
	err = e.readFacts(ctx, x, &begin)
	if err == nil {
		err = x.Start(begin)
	}
	if err != nil {
		x.Task.Fail(err)
		x.Close()
		return nil, err
	}
	_ = os.Remove(directory.Mark())
	x.NoteUnfinished()
	return x, nil
}

// watched is a journal as the engine writes it.
func (e *Engine) watched(written journal.Writer) journal.Writer {
	if e.Journals == nil {
		return written
	}
	return e.Journals(written)
}

// beginRunner puts this process's work on a run together: its journal, and its log with a task of its own.
func (e *Engine) beginRunner(h *run.State, written *journal.Journal, kind, title string) *run.Runner {
	return run.Begin(e.config(), h, e.watched(written), kind, title)
}

// warnOfShortSecrets names the secret inputs that are not masked, because they cannot be told from ordinary
// words.
func warnOfShortSecrets(x *run.Runner) {
	for _, input := range x.Program.Recipe.Inputs {
		for _, secret := range program.SecretsIn(x.State.Inputs[input.Name.Text]) {
			if secret != "" && x.Mask.Text(secret) == secret {
				x.Task.Warn("the input " + input.Name.Text + " is too short to be masked: where a program prints it, the log shows it")
				break
			}
		}
	}
}
