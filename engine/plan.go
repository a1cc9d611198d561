package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Decision is what a plan knows of a step's guard.
type Decision string

const (
	// WillRun: there is no guard, or it is true.
	WillRun Decision = "runs"
	// WillSkip: the guard is false.
	WillSkip Decision = "skipped"
	// Depends: the guard needs what only the run will know.
	Depends Decision = "decided at run time"
	// OnFailure: it is part of a rescue.
	OnFailure Decision = "only if the group fails"
)

// PlannedStep is one row of a plan: what a step would do, and how that would be undone.
type PlannedStep struct {
	// Section is steps, failsafe or finally.
	Section string `json:"section"`
	// Depth is how many groups are around it, and Role what it is there: a branch of a parallel, a round of a for-each, part
	// of a rescue or of a finally; "" is one of the steps.
	Depth int    `json:"depth,omitempty"`
	Role  string `json:"role,omitempty"`
	Path  string `json:"path"`
	ID    string `json:"id,omitempty"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	// Item is the item of the round, behind those of the for-each around it.
	Item  string   `json:"item,omitempty"`
	Guard Decision `json:"guard"`
	// When is the guard's source, and Waits are the names that it waits for.
	When  string   `json:"when,omitempty"`
	Waits []string `json:"waits,omitempty"`
	// Needs are the names that the arguments wait for: Do shows their sources.
	Needs []string `json:"needs,omitempty"`
	// Do and Undo are lines for people; Undo is what the recipe adds first, then the type's own.
	Do   []string `json:"do"`
	Undo []string `json:"undo,omitempty"`
	// UndoLast are lines of the undo that run when everything older was undone.
	UndoLast []string `json:"undo_last,omitempty"`
	// Nothing is true where the machine is already as wanted.
	Nothing bool `json:"nothing,omitempty"`
	// Commit marks the point of no return.
	Commit bool `json:"commit,omitempty"`
	// Suspends marks a step at which the run ends with exit code 75, and goes on in another process.
	Suspends bool `json:"suspends,omitempty"`
	// Problem is why the step could not act as things stand now; an earlier step of the same run may change that.
	Problem string `json:"problem,omitempty"`
	// Reads and Writes are the bytes that it will surely read and write; Space maps folders to the bytes that it needs there.
	Reads  int64            `json:"reads,omitempty"`
	Writes int64            `json:"writes,omitempty"`
	Space  map[string]int64 `json:"space,omitempty"`

	// Changes tells whether the type has effects at all; one that has, and no Undo, cannot be put back.
	Changes bool `json:"changes,omitempty"`

	// forgiven steps may fail: what is around them goes on.
	forgiven bool
	// err is why it could not act as things stand, and fails why it will fail although it can be carried out.
	err, fails error
	// undoErr is why a program that its undo runs could not be started as things stand.
	undoErr error
	named   runstate.StepName
	// settled rows do not depend on what an earlier step gives.
	settled bool
	// touches are the paths that it changes, and touchesAny is set where one of them is not known yet.
	touches    []string
	touchesAny bool
}

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
func (e *Engine) Plan(ctx context.Context, program *Program, given Inputs) (Plan, error) {
	begin, names, err := e.begin(program, given)
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
	h := newRunState(program, runstate.DirectoryOf(e.State, begin.Run))
	h.setInputs(begin, names)
	x := &runner{work: &work{engine: e, program: program, folder: h.folder, state: h, mask: h.secrets.mask}}
	_, x.earlier, _ = runstate.Survey(e.State) // a state that cannot be read is no matter of a plan
	if err := runstate.NotAsBefore(runstate.LockedPaths(begin.Locks), x.earlier); err != nil {
		against = append(against, err)
	}
	plan := Plan{Recipe: program.Name(), Facts: factReader{machine: e.Machine}.all(ctx, program, names)}
	h.facts = map[string]any{}
	for _, read := range plan.Facts {
		if read.Asked && read.Err == nil {
			h.facts[read.Name] = read.Value
		}
	}
	if err := x.foreseeVariables(); err != nil {
		return Plan{}, err
	}
	if err := x.foreseeSize(begin); err != nil {
		against = append(against, err)
	}
	plan.Steps = x.plan(ctx)
	plan.Space = x.spaceFor(plan.Steps)
	for _, row := range plan.Steps {
		if row.Section == "steps" && row.Guard == WillRun {
			plan.Reads, plan.Writes = plan.Reads+row.Reads, plan.Writes+row.Writes
		}
	}
	for _, read := range plan.Facts {
		if read.Err != nil {
			against = append(against, read.Err)
		}
	}
	if err := e.volatileState(changedBy(begin, plan.Steps)); err != nil {
		against = append(against, err)
	}
	for _, err := range append(append(against, x.refusals(plan.Steps)...), tooLittle(plan.Space)...) {
		plan.Refusals = append(plan.Refusals, x.refusalOf(err, false))
	}
	plan.Refusals = append(plan.Refusals, x.failures(plan.Steps)...)
	plan.Warnings = append(e.interruptedRuns(), x.warnings(plan.Steps)...)
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

// stillLeased reports whether an undo needs the path that is kept also when the planned run commits.
func (x *runner) stillLeased(path string) bool {
	beside := slices.DeleteFunc(slices.Clone(x.earlier), func(p *runstate.StoredRun) bool { return runstate.SharesLock(p.Begin.Names(), x.state.Begin.Names()) })
	return runstate.AnyNeeds(leasesOf(beside), path) || runstate.AnyNeeds(x.elsewhere(), path)
}

// foreseeVariables evaluates the vars that can be known before the run; the others stay unknown.
func (x *runner) foreseeVariables() error {
	x.state.vars = map[string]any{}
	names := x.state.own()
	for _, variable := range x.program.variables {
		if len((&forecast{names: names}).missing(variable.value.references())) > 0 {
			continue
		}
		v, err := variable.value.evaluate(names)
		if err != nil {
			return variableInvalid(variable.name, err)
		}
		x.state.vars[variable.name] = v
	}
	return nil
}

// plan goes through the steps with what is known before the run.
func (x *runner) plan(ctx context.Context) []PlannedStep {
	forecast := &forecast{names: x.state.own(), machine: plannedMachine{x.engine.Machine, x.stillLeased, x.state.secrets, runstate.LockedPaths(x.state.Begin.Locks)}, standing: x.earlier, steps: &plannedOutputs{outputs: map[string]any{}}}
	forecast.names["steps"] = forecast.steps.outputs
	var rows []PlannedStep
	for _, section := range []struct {
		name  string
		nodes []*node
	}{{"steps", x.program.steps}, {"failsafe", x.program.failsafe}, {"finally", x.program.finally}} {
		for _, n := range section.nodes {
			more, over := forecast.step(ctx, n)
			for _, row := range more {
				row.Section = section.name
				if section.name != "steps" {
					row.Undo, row.UndoLast = nil, nil // it makes no frame
				}
				row.conceal(x.mask)
				rows = append(rows, row)
			}
			if over {
				break // the rest of the section is skipped
			}
		}
	}
	return rows
}

// conceal takes secrets out of what a step type says.
func (p *PlannedStep) conceal(mask *tasklog.Mask) {
	p.Name, p.Item, p.Problem = mask.Text(p.Name), mask.Text(p.Item), mask.Text(p.Problem)
	for _, lines := range [][]string{p.Do, p.Undo, p.UndoLast} {
		for i := range lines {
			lines[i] = mask.Text(lines[i])
		}
	}
}
