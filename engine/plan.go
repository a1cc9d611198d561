package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
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
	h := newRunState(compiled, runstate.DirectoryOf(e.State, begin.Run))
	h.setInputs(begin, names)
	x := newRunner(e.config(), h, nil)
	_, x.earlier, _ = runstate.Survey(e.State) // a state that cannot be read is no matter of a plan
	if err := runstate.NotAsBefore(runstate.LockedPaths(begin.Locks), x.earlier); err != nil {
		against = append(against, err)
	}
	planned := Plan{Recipe: compiled.Name(), Facts: factReader{machine: e.Machine}.all(ctx, compiled, names)}
	h.facts = map[string]any{}
	for _, read := range planned.Facts {
		if read.Asked && read.Err == nil {
			h.facts[read.Name] = read.Value
		}
	}
	if h.vars, err = e.known(x).variables(); err != nil {
		return Plan{}, err
	}
	if err := foreseeSize(x, begin); err != nil {
		against = append(against, err)
	}
	known := e.known(x)
	planned.Steps = known.steps(ctx)
	planned.Space = known.space(planned.Steps)
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
	for _, err := range append(append(against, known.refusals(planned.Steps)...), tooLittle(planned.Space)...) {
		planned.Refusals = append(planned.Refusals, known.refusalOf(err, false))
	}
	planned.Refusals = append(planned.Refusals, known.failures(planned.Steps)...)
	planned.Warnings = append(e.interruptedRuns(), known.warnings(planned.Steps)...)
	return planned, nil
}

// known is what is known of a run before its first step.
func (e *Engine) known(x *runner) knowledge {
	return knowledge{
		program: x.program, names: x.state.own(), standing: x.earlier, mask: x.mask, unwatched: e.unwatched,
		machine: plannedMachine{
			Machine: e.Machine, locks: runstate.LockedPaths(x.state.Begin.Locks), confidential: x.state.secrets,
			isLeased: func(path string) bool { return stillLeased(x, path) },
		},
	}
}

// stillLeased reports whether an undo needs the path that is kept also when the planned run commits.
func stillLeased(x *runner, path string) bool {
	beside := slices.DeleteFunc(slices.Clone(x.earlier), func(p *runstate.StoredRun) bool { return runstate.SharesLock(p.Begin.Names(), x.state.Begin.Names()) })
	return runstate.AnyNeeds(runstate.LeasesOf(beside), path) || runstate.AnyNeeds(x.elsewhere(), path)
}
