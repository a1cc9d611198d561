package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

func planCommand() command {
	return command{
		name:     "plan",
		operands: "RECIPE",
		offers:   first(recipeOffers),
		summary:  "show what a run would do, and how each step would be undone",
		help: `
Nothing is changed and nothing is run: gwe only reads. Each step shows what it would do on this machine beside how that
would be undone. What only the run will know stands in <angle brackets>, and a guard that cannot be decided yet says
what it waits for. The line of the commit is the point of no return. Where the kernel has Landlock, it sees to it that
nothing is written or run meanwhile; -v tells.

The exit code is 6 where a run now would be refused, or would begin and surely fail: a busy lock, too little space, a bad signature, a
condition that does not hold, a target that cannot be written. What stands in the way is listed below the steps.

example:
  gwe plan ota -i package=firmware-2.tar.zst.gpg -i target=/opt/firmware
  gwe plan ota -i package=firmware-2.tar.zst.gpg --output json`,
		teachMore: describeInputs,
		setUp: func(flags *pflag.FlagSet) action {
			var inputs inputFlags
			inputs.declare(flags)
			return func(ctx context.Context, console *console, operands []string) error {
				program, err := loadRecipe(console, operands)
				if err != nil {
					return err
				}
				given, err := inputs.read(ctx, console)
				if err != nil {
					return err
				}
				return showPlan(ctx, console, program, given)
			}
		},
	}
}

func showPlan(ctx context.Context, console *console, program *engine.Program, given engine.Inputs) error {
	machine, _, err := console.engine()
	if err != nil {
		return err
	}
	machine.Confine = func() error {
		kept, err := console.confine()
		if err != nil {
			return fault.New(fault.Errored, "plan-confine", "cannot drop the right to write").WithCause(err)
		}
		if console.global.verbose {
			fmt.Fprintln(console.stderr, "gwe: "+kept)
		}
		return nil
	}
	plan, err := machine.Plan(ctx, program, given)
	if err != nil {
		return err
	}
	console.distrusted(&plan)
	if console.global.output == "json" {
		err = writeJSON(console.stdout, plan)
	} else {
		columns, folded := pipedWidth, 0
		if isTerminal(console.stdout) {
			columns = min(width(console.stdout), widestPlan)
			folded = columns
		}
		_, err = io.WriteString(console.stdout, planText(plan, columns)+refusalText(plan.Refusals, plan.Warnings, folded))
	}
	if code := plan.ExitCode(); err == nil && code != engine.ExitDone {
		return errSilent{code}
	}
	return err
}
