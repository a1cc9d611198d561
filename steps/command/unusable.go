package command

import (
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
)

// unusable reports, for a plan, that a program which is there cannot be executed: it has no execute bit, or
// its interpreter is missing.
func unusable(machine step.Machine, program string, environment []string) error {
	if _, err := machine.Stat(program); err != nil {
		return nil // this user may not look
	}
	err := process.Examine(program, environment)
	if why := fault.As(err); why != nil && why.Code == "process-not-executable" {
		return step.StandsAt(machine, err, program)
	}
	return err // an earlier step may bring the interpreter
}
