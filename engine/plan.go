package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// Plan is what a run would do.
type Plan struct {
	Recipe string `json:"recipe"`
	// Facts are those of the recipe that can be read without running a program, and the sources of the others.
	Facts []Fact        `json:"facts,omitempty"`
	Steps []PlannedStep `json:"steps"`
	// Reads and Writes are the bytes that the steps will surely read and write, those that nobody knows yet left out.
	Reads  int64 `json:"reads"`
	Writes int64 `json:"writes"`
	// Space is what the steps need on each file system.
	Space []PlannedSpace `json:"space,omitempty"`
	// Refusals are why a run would be refused now, or begin and be rolled back; none where nothing stands in its way.
	Refusals []Refusal `json:"refusals,omitempty"`
	// Warnings are what a run cannot promise on this machine.
	Warnings []Warning `json:"warnings,omitempty"`
}

// ExitCode is what gwe plan ends with.
func (p Plan) ExitCode() int {
	if len(p.Refusals) > 0 {
		return runstate.ExitRefused
	}
	return runstate.ExitDone
}

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
	plan := Plan{Recipe: compiled.Name(), Facts: factReader{machine: e.Machine}.all(ctx, compiled, names)}
	h.facts = map[string]any{}
	for _, read := range plan.Facts {
		if read.Asked && read.Err == nil {
			h.facts[read.Name] = read.Value
		}
	}
	if h.vars, err = e.knowledge(x).variables(); err != nil {
		return Plan{}, err
	}
	if err := x.foreseeSize(begin); err != nil {
		against = append(against, err)
	}
	known := e.knowledge(x)
	plan.Steps = known.steps(ctx)
	plan.Space = known.space(plan.Steps)
	for _, row := range plan.Steps {
		if row.Section == "steps" && row.Guard == program.WillRun {
			plan.Reads, plan.Writes = plan.Reads+row.Reads, plan.Writes+row.Writes
		}
	}
	for _, read := range plan.Facts {
		if read.Err != nil {
			against = append(against, read.Err)
		}
	}
	if err := e.lasting(begin, plan.Steps); err != nil {
		against = append(against, err)
	}
	for _, err := range append(append(against, known.refusals(plan.Steps)...), tooLittle(plan.Space)...) {
		plan.Refusals = append(plan.Refusals, known.refusalOf(err, false))
	}
	plan.Refusals = append(plan.Refusals, known.failures(plan.Steps)...)
	plan.Warnings = append(e.interruptedRuns(), known.warnings(plan.Steps)...)
	return plan, nil
}

// plannedMachine is the machine as a plan sees it: with what undos need.
type plannedMachine struct {
	step.Machine
	leased  func(path string) bool
	secrets step.Secrets
	locks   []string
}

// Writable implements step.Bounded.
func (m plannedMachine) Writable() []string { return m.locks }

// Secrets implements step.Confidant.
func (m plannedMachine) Secrets() step.Secrets { return m.secrets }

// Leased implements step.Retainer.
func (m plannedMachine) Leased(path string) bool { return m.leased(path) }

// Mount implements step.Mounter, as far as the machine does.
func (m plannedMachine) Mount(path string) (step.Mount, error) {
	return step.MountOf(m.Machine, path), nil
}

// knowledge is what is known of a run before its first step.
func (e *Engine) knowledge(x *runner) knowledge {
	return knowledge{
		program: x.program, names: x.state.own(), standing: x.earlier, mask: x.mask, unwatched: e.unwatched,
		machine: plannedMachine{e.Machine, x.stillLeased, x.state.secrets, runstate.LockedPaths(x.state.Begin.Locks)},
	}
}

// stillLeased reports whether an undo needs the path that is kept also when the planned run commits.
func (x *runner) stillLeased(path string) bool {
	beside := slices.DeleteFunc(slices.Clone(x.earlier), func(p *runstate.StoredRun) bool { return runstate.SharesLock(p.Begin.Names(), x.state.Begin.Names()) })
	return runstate.AnyNeeds(runstate.LeasesOf(beside), path) || runstate.AnyNeeds(x.elsewhere(), path)
}
