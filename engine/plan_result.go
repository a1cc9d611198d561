package engine

import (
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

// plannedMachine is the machine as a plan sees it: with what undos need.
type plannedMachine struct {
	step.Machine
	// isLeased reports whether an undo needs a path.
	isLeased func(path string) bool
	// confidential are the secrets of the run.
	confidential step.Secrets
	// locks are the directories that the run locks.
	locks []string
}

// Writable implements step.Bounded.
func (m plannedMachine) Writable() []string { return m.locks }

// Secrets implements step.Confidant.
func (m plannedMachine) Secrets() step.Secrets { return m.confidential }

// Leased implements step.Retainer.
func (m plannedMachine) Leased(path string) bool { return m.isLeased(path) }

// Mount implements step.Mounter, as far as the machine does.
func (m plannedMachine) Mount(path string) (step.Mount, error) {
	return step.MountOf(m.Machine, path), nil
}
