package plan

import (
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// Plan is what a run would do.
type Plan struct {
	Recipe string `json:"recipe"`
	// Facts are those of the recipe that can be read without running a program, and the sources of the
	// others.
	Facts []Fact                `json:"facts,omitempty"`
	Steps []program.PlannedStep `json:"steps"`
	// Reads and Writes are the bytes that the steps will surely read and write, those that nobody knows yet
	// left out.
	Reads  int64 `json:"reads"`
	Writes int64 `json:"writes"`
	// Space is what the steps need on each file system.
	Space []PlannedSpace `json:"space,omitempty"`
	// Refusals are why a run would be refused now, or begin and be rolled back; none where nothing stands in
	// its way.
	Refusals []Refusal `json:"refusals,omitempty"`
	// Warnings are what a run cannot promise on this machine.
	Warnings []runstate.Warning `json:"warnings,omitempty"`
}

// ExitCode is what gwe plan ends with.
func (p Plan) ExitCode() int {
	if len(p.Refusals) > 0 {
		return runstate.ExitRefused
	}
	return runstate.ExitDone
}

// Machine is the machine as a plan sees it: with what undos need.
type Machine struct {
	step.Machine
	// IsLeased reports whether an undo needs a path.
	IsLeased func(path string) bool
	// Confidential are the secrets of the run.
	Confidential step.Secrets
	// Locks are the directories that the run locks.
	Locks []string
}

// Writable implements step.Bounded.
func (m Machine) Writable() []string { return m.Locks }

// Secrets implements step.Confidant.
func (m Machine) Secrets() step.Secrets { return m.Confidential }

// Leased implements step.Retainer.
func (m Machine) Leased(path string) bool { return m.IsLeased(path) }

// Mount implements step.Mounter, as far as the machine does.
func (m Machine) Mount(path string) (step.Mount, error) {
	return step.MountOf(m.Machine, path), nil
}
