package engine

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Refusal is why a run would not come to its end, as far as that is known before it begins.
type Refusal struct {
	// Step is the step that says so; nil where it is the machine, a lock or the state directory.
	Step *StepName `json:"step,omitempty"`
	Code string    `json:"code"`
	// Error is the reason, without the step's name, and Hint what to do about it.
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
	// Begins is set where the run would begin, and be rolled back when it comes to the step; else it would change nothing.
	Begins bool `json:"begins,omitempty"`
}

// refusalOf is the plan's form of an error.
func (x *runner) refusalOf(err error, begins bool) Refusal {
	record := x.recordOf(err)
	return Refusal{Step: record.Where, Code: record.Code, Error: record.Message, Hint: record.Hint, Begins: begins}
}

// preconditions lists what would refuse a run before its steps are looked at: in the order in which a run meets it. It takes no lock,
// and changes nothing.
func (e *Engine) preconditions(begin runstate.BeginRecord) (found []error) {
	add := func(err error) {
		if err != nil {
			found = append(found, err)
		}
	}
	if err := runstate.Usable(e.State); err != nil {
		add(err)
	} else if err := e.trusted(); err != nil {
		add(err)
	} else {
		found = e.earlierRuns()
	}
	add(roomToAct())
	extents := begin.Extents()
	if len(extents) > 0 {
		add(e.place().Check())
	}
	busy := e.place().Look(e.claimant(""), extents)
	// One process holds the lock of the state and the claim on its targets: it is named once.
	if busy != nil && !named(found, busy.PID) {
		add(explainBusy(busy))
	}
	if busy == nil {
		add(e.owedElsewhere(extents))
	}
	return found
}

// earlierRuns lists what keeps the state from a new run: one in progress or suspended, and journals that cannot be read.
func (e *Engine) earlierRuns() (found []error) {
	holder, err := durable.Holder(runstate.LockFile(e.State))
	switch {
	case err != nil:
		return []error{err}
	case holder != nil:
		return []error{explainBusy(holder)}
	}
	list, _, err := runstate.Survey(e.State)
	if err != nil {
		return []error{err}
	}
	for _, run := range list {
		switch run.Status {
		case runstate.StatusSuspended:
			found = append(found, runstate.NoneSuspended([]Result{{Run: run.Run, Status: run.Status, Waits: run.Waits}}))
		case runstate.StatusDamaged:
			// One that had ended only loses its own rollback.
			if _, err := runstate.Peek(e.State, run.Run); err != nil && run.Blocks {
				found = append(found, &Unsettled{Run: run.Run, Err: runstate.DamagedRunOf(e.State, run.Run, err).Fault()})
			}
		}
	}
	return found
}

// named reports whether one of the errors names the process as the holder of a lock.
func named(found []error, pid int) bool {
	return slices.ContainsFunc(found, func(err error) bool {
		var busy *durable.BusyError
		return errors.As(err, &busy) && busy.PID == pid
	})
}

// volatileState refuses a run whose journal would not survive a power cut while what it changes does: the machine would stay in
// between, and nothing would know of it. paths are what the run changes, as far as that is known.
func (e *Engine) volatileState(paths []string) error {
	if e.VolatileState {
		return nil
	}
	folder, _, err := nearest(e.Machine, e.State.Folder)
	if err != nil {
		return nil
	}
	system := step.MountOf(e.Machine, folder).Volatile
	if system == "" {
		return nil
	}
	for _, path := range paths {
		lasting, _, err := nearest(e.Machine, path)
		if err != nil || step.MountOf(e.Machine, lasting).Volatile != "" {
			continue
		}
		return fault.New(fault.Refused, "state-volatile", "the state directory %s is on %s, and %s is not: after a power cut nothing would know that a run was in progress there", e.State.Folder, system, path).
			WithHint("choose a directory on a disk with --state-dir or GWE_STATE_DIR; to do without recovery, set GWE_VOLATILE_STATE=accept")
	}
	return nil
}

// changedBy lists the paths that the rows surely or perhaps change, and those of the locks.
func changedBy(begin runstate.BeginRecord, rows []PlannedStep) []string {
	paths := runstate.LockedPaths(begin.Locks)
	for _, row := range rows {
		if row.Section == "steps" && row.Guard != program.WillSkip {
			paths = append(paths, row.Touches...)
		}
	}
	return paths
}

// refusals lists the errors of the rows that the run would meet for sure, the first one first: an error of a step that is reached before
// anything is changed, or one that no earlier step can change.
func (x *runner) refusals(rows []PlannedStep) (found []error) {
	var before earlier
	for _, row := range rows {
		if row.Section != "steps" || row.Guard == program.WillSkip {
			continue
		}
		n := x.program.ByPath[row.Path]
		// A later attempt may find what this one does not.
		if row.Err != nil && row.Guard == program.WillRun && !row.Forgiven && before.leaves(row.Err) {
			found = append(found, &StepError{Step: row.Named, Err: declined(row.Err), Label: n.Label()})
		}
		if program.As[*program.StopStep](n) != nil || program.As[*program.HandOver](n) != nil {
			break // there may be nothing behind it
		}
		before.add(row, n)
	}
	return found
}

// failures lists what makes the run fail for sure when it comes to a step: conditions of the recipe's inputs and of the machine's facts,
// which do not change in a run, and those that are known before anything is changed.
func (x *runner) failures(rows []PlannedStep) (found []Refusal) {
	var before earlier
	for _, row := range rows {
		if row.Section != "steps" || row.Guard == program.WillSkip {
			continue
		}
		n := x.program.ByPath[row.Path]
		if row.Fails != nil && row.Guard == program.WillRun && !row.Forgiven && (row.Settled || before.nothing()) {
			found = append(found, x.refusalOf(&StepError{Step: row.Named, Err: row.Fails, Label: n.Label()}, !before.nothing()))
		}
		if program.As[*program.StopStep](n) != nil || program.As[*program.HandOver](n) != nil {
			break
		}
		before.add(row, n)
	}
	return found
}

// earlier is what the steps above a row may have changed.
type earlier struct {
	paths []string
	// anything is set behind a program, a reboot, or a step whose paths are not known yet.
	anything bool
}

func (e *earlier) nothing() bool { return !e.anything && len(e.paths) == 0 }

func (e *earlier) add(row PlannedStep, n *program.Node) {
	e.paths = append(e.paths, row.Touches...)
	e.anything = e.anything || program.As[*program.Waiting](n) != nil || row.Changes && (n.Runs() || row.TouchesAny)
}

// leaves reports whether nothing above can have changed what the error is about.
func (e *earlier) leaves(err error) bool {
	if e.nothing() {
		return true
	}
	standing := step.AsStanding(err)
	return standing != nil && !e.anything && !slices.ContainsFunc(standing.Paths, func(path string) bool { return anyOverlaps(path, e.paths) })
}

// reachable refuses a path that leads through a link by which a less trusted user could lead gwe elsewhere. Directories that are missing are
// made by a step, or missed by it.
func reachable(machine step.Machine, path string) error {
	if _, local := machine.(step.Mounter); !local || filepath.Clean(path) == "/" || !filepath.IsAbs(path) {
		return nil
	}
	dir, _, err := openat.OpenParent(path)
	dir.Close()
	if fault.As(err) == nil {
		return nil // the step itself tells
	}
	return step.Stands(err, filepath.Dir(path))
}

// writable reports why nothing can be written at a path as its file system is mounted, or by this user in the directory that would hold it.
func writable(machine step.Machine, path string) error {
	if err := reachable(machine, path); err != nil {
		return err
	}
	folder, info, err := nearest(machine, path)
	if err != nil {
		return nil // the step itself tells
	}
	if step.MountOf(machine, folder).ReadOnly {
		return step.Stands(fault.New(fault.Refused, "target-not-writable", "cannot change %s: the file system of %s is mounted read-only", path, folder).
			WithHint("remount it with rw before the run, or choose another target"))
	}
	if folder == filepath.Clean(path) || !info.IsDir() {
		return nil
	}
	if _, local := machine.(step.Mounter); !local {
		return nil
	}
	err = unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if errors.Is(err, fs.ErrPermission) {
		return step.Stands(fault.New(fault.Refused, "target-not-writable", "cannot change %s: this user may not write in %s", path, folder).
			WithHint("run gwe as root, or as the owner of %s", folder), folder)
	}
	return nil
}
