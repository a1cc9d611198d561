package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/plan"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Plan says what a run would do, without doing it: it takes no lock, writes nothing and runs nothing.
func (e *Engine) Plan(ctx context.Context, compiled *Program, given Inputs) (Plan, error) {
	begin, names, err := e.begin(compiled, given)
	if err != nil {
		return Plan{}, err
	}
	against := e.preconditions(begin) // a confined process does not see whose locks these are
	if e.Confine != nil {
		if err := e.Confine(); err != nil {
			return Plan{}, err
		}
	}
	begin.Run = "(the run's id)"
	h := run.NewState(compiled, runstate.DirectoryOf(e.State, begin.Run))
	h.SetInputs(begin, names)
	x := run.New(e.config(), h, nil)
	_, x.Earlier, _ = runstate.Survey(e.State) // a state that cannot be read is no matter of a plan
	if err := runstate.NotAsBefore(runstate.LockedPaths(begin.Locks), x.Earlier); err != nil {
		against = append(against, err)
	}
	planned := Plan{Recipe: compiled.Name(), Facts: plan.FactReader{Machine: e.Machine}.All(ctx, compiled, names)}
	h.Facts = map[string]any{}
	for _, read := range planned.Facts {
		if read.Asked && read.Err == nil {
			h.Facts[read.Name] = read.Value
		}
	}
	if h.Vars, err = e.known(x).Variables(); err != nil {
		return Plan{}, err
	}
	if err := foreseeSize(x, begin); err != nil {
		against = append(against, err)
	}
	known := e.known(x)
	planned.Steps = known.Steps(ctx)
	planned.Space = known.Space(planned.Steps)
	for _, row := range planned.Steps {
		if row.Section == "steps" && row.Guard == program.WillRun {
			planned.Reads, planned.Writes = planned.Reads+row.Reads, planned.Writes+row.Writes
		}
	}
	for _, read := range planned.Facts {
		if read.Err != nil {
			against = append(against, read.Err)
		}
	}
	if err := e.lasting(begin, planned.Steps); err != nil {
		against = append(against, err)
	}
	for _, err := range append(append(against, known.Refusals(planned.Steps)...), plan.TooLittle(planned.Space)...) {
		planned.Refusals = append(planned.Refusals, known.RefusalOf(err, false))
	}
	planned.Refusals = append(planned.Refusals, known.Failures(planned.Steps)...)
	planned.Warnings = append(e.interruptedRuns(), known.Warnings(planned.Steps)...)
	return planned, nil
}

// known is what is known of a run before its first step.
func (e *Engine) known(x *run.Runner) plan.Known {
	return plan.Known{
		Program: x.Program, Names: x.State.Own(), Standing: x.Earlier, Mask: x.Mask, Unwatched: e.unwatched,
		Machine: plan.Machine{
			Machine: e.Machine, Locks: runstate.LockedPaths(x.State.Begin.Locks), Confidential: x.State.Secrets,
			IsLeased: func(path string) bool { return stillLeased(x, path) },
		},
	}
}

// stillLeased reports whether an undo needs the path that is kept also when the planned run commits.
func stillLeased(x *run.Runner, path string) bool {
	beside := slices.DeleteFunc(slices.Clone(x.Earlier), func(p *runstate.StoredRun) bool { return runstate.SharesLock(p.Begin.Names(), x.State.Begin.Names()) })
	return runstate.AnyNeeds(runstate.LeasesOf(beside), path) || runstate.AnyNeeds(x.Elsewhere(), path)
}
