package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func recoverCommand() command {
	return command{
		name:    "recover",
		summary: "finish what a crash or a power cut left",
		help: `
Run it at boot. It ends the surviving processes of a dead run, puts back what was not committed (by the frozen copy of
the recipe, so neither the recipe nor the package is needed any more), and removes leftovers. With nothing to do it does
nothing. ` + "`gwe run`" + ` does the same first.

The exit code is 0 when nothing is left to do, whichever way the run ended; 4 when the failsafe is in place; 5 when the
machine needs a person.

example:
  gwe recover`,
		setUp: func(*pflag.FlagSet) action {
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe recover takes no operands")
				}
				machine, shown, err := console.engine()
				if err != nil {
					return err
				}
				results, err := machine.Recover(ctx)
				console.unseen(shown.close())
				code := engine.ExitDone
				for _, result := range results {
					if console.global.output != "json" {
						fmt.Fprintf(console.stdout, "run %s: %s\n", result.Run, result.Status)
					}
					switch result.Status {
					case engine.StatusFailsafe:
						code = max(code, engine.ExitFailsafe)
					case engine.StatusBroken:
						code = engine.ExitBroken
					}
				}
				if err == nil && code != engine.ExitDone {
					return errSilent{code}
				}
				return err
			}
		},
	}
}
