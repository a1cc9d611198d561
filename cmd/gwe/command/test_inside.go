package command

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/cmd/gwe/trial"
)

// testInsideCommand is what `gwe test` starts of itself on a scratch machine. Nobody types it, and outside of
// one it refuses.
func testInsideCommand() command {
	return command{
		name:     trial.InsideCommand,
		operands: "ROLE",
		hidden:   true,
		summary:  "what gwe test starts on a scratch machine",
		help:     "`gwe test` starts this for each test; it does nothing elsewhere.",
		setUp: func(*pflag.FlagSet) action {
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) == 0 {
					return usagef("only `gwe test` starts this")
				}
				switch operands[0] {
				case trial.RoleMachine:
					return trial.Machine(ctx, console.stdin, console.stdout)
				case trial.RoleWork:
					return trial.Work(ctx, console.stdin, console.stdout)
				case trial.RoleGwe:
					return disturbed(ctx, console, operands[1:])
				}
				return usagef("only `gwe test` starts this")
			}
		},
	}
}

// disturbed carries out a command line whose steps and journals are watched, and one of which may go wrong.
func disturbed(ctx context.Context, outer *console, arguments []string) error {
	disturbance, err := trial.NewDisturbance()
	if err != nil {
		return err
	}
	inner := *outer
	inner.known, inner.disturb = nil, disturbance.Catalog
	inner.line.Journals, inner.line.Clock, inner.pretend = disturbance.Journals, trial.Clock, true
	if code := execute(disturbance.Pace(ctx), &inner, arguments); code != 0 {
		return errSilent{code}
	}
	return nil
}
