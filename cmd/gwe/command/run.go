package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/value"
)

func runCommand() command {
	return command{
		name:     "run",
		operands: "RECIPE",
		offers:   first(recipeOffers),
		summary:  "carry a recipe out, or roll everything back",
		help: `
RECIPE is a file, - for standard input, or the name of a shipped recipe ("ota"). Every step writes down how to undo
itself before it acts. If a step fails, or you press Ctrl-C, what was done is rolled back, newest first. If gwe is killed
or the power fails, the next ` + "`gwe run` or `gwe recover`" + ` does the same from the journal.

A run that comes to a reboot or confirm step is suspended: gwe ends with exit code 75, and ` + "`gwe recover`" + ` at boot, or
` + "`gwe confirm`" + `, continues it. Until then no other run begins.

` + "`" + `gwe run RECIPE --help` + "`" + ` lists the recipe's inputs.

example:
  gwe run ota -i package=/media/usb/firmware-2.tar.zst.gpg -i target=/opt/firmware
  gwe run ./recipes/mine.yaml --inputs site.yaml -i token=@/etc/gwe/token`,
		teachMore: describeInputs,
		setUp: func(flags *pflag.FlagSet) action {
			var inputs inputFlags
			inputs.declare(flags)
			dry := flags.Bool("dry-run", false, "only show the plan, as gwe plan does")
			return func(ctx context.Context, console *console, operands []string) error {
				console.live, console.acts = !*dry, !*dry
				program, err := loadRecipe(console, operands)
				if err != nil {
					return err
				}
				given, err := inputs.read(ctx, console)
				if err != nil {
					return err
				}
				if *dry {
					return showPlan(ctx, console, program, given)
				}
				return carryOut(ctx, console, program, given)
			}
		},
	}
}

func carryOut(ctx context.Context, console *console, program *engine.Program, given engine.Inputs) error {
	machine, shown, err := console.engine()
	if err != nil {
		return err
	}
	releaseStartup()
	result, err := machine.Run(ctx, program, given)
	return tellResult(console, shown, program, result, err)
}

// tellResult tells how a run ended. Where another gwe continued it, that one has told already.
func tellResult(console *console, shown *view, program *engine.Program, result engine.Result, err error) error {
	untold := shown.close()
	if err != nil {
		tellFailure(console, err)
		return err
	}
	if !result.Handed {
		if err := showOutputs(console, program, result); untold == nil {
			untold = err
		}
	}
	if err := tellNow(console, result.Now); untold == nil {
		untold = err
	}
	console.unseen(untold)
	reportUnsettled(console, result)
	if code := result.ExitCode(); code != engine.ExitDone {
		return errSilent{code}
	}
	return nil
}

// reportUnsettled tells why what another gwe left could not be brought to an end, which nothing that was
// shown tells.
func reportUnsettled(console *console, result engine.Result) (left bool) {
	var unsettled *engine.Unsettled
	if left = errors.As(result.Err, &unsettled); left {
		report(console, unsettled)
	}
	return left
}

// showOutputs prints what the recipe hands out, for scripts: one "name: value" a line, or one JSON object.
func showOutputs(console *console, program *engine.Program, result engine.Result) error {
	if console.global.output == "json" {
		return writeResult(console.stdout, result.Line())
	}
	for _, output := range program.Recipe.Outputs {
		if v, ok := result.Outputs[output.Name.Text]; ok && v != nil {
			if _, err := fmt.Fprintf(console.stdout, "%s: %s\n", output.Name.Text, value.Text(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

// describeInputs lists what a recipe wants to know.
func describeInputs(console *console, operands []string) {
	program, err := loadRecipe(console, operands)
	if err != nil {
		return // what is wrong was shown already, and help is not a place to fail
	}
	fmt.Fprintf(console.stdout, "\ninputs of %s:\n", program.Name())
	for _, input := range program.Recipe.Inputs {
		about := "required"
		if !input.Required {
			about = "default " + value.Text(input.Default)
		}
		fmt.Fprintf(console.stdout, "  %-14s %-10s %s (%s)\n", input.Name.Text, input.Type, input.Help, about)
	}
}
