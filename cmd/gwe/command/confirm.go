package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func confirmCommand() command {
	return command{
		name:     "confirm",
		operands: "[RUN]",
		offers:   runOffers(isSuspended),
		summary:  "say that what a suspended run did is good, and continue it",
		help: `
A recipe with a confirm step leaves a release on probation: the run ends with exit code 75 and waits. This ends the wait
and continues with the steps after it. Unconfirmed at the deadline, or after too many boots, the next ` + "`gwe recover`" + `
rolls all back. Without RUN it is the one that waits. Where another gwe is just looking at it, this waits for some seconds.

The exit code is that of the run, as of ` + "`gwe run`" + `; 6 where no run waits for a confirmation.

example:
  gwe confirm`,
		setUp: func(*pflag.FlagSet) action {
			return func(ctx context.Context, console *console, operands []string) error {
				_, run, err := oneRun(console, operands)
				if err != nil {
					return err
				}
				machine, shown, err := console.engine()
				if err != nil {
					return err
				}
				machine.Waits = console.tellWait
				result, err := machine.Confirm(ctx, run)
				console.unseen(shown.close())
				if err != nil {
					tellFailure(console, err)
					return err
				}
				showFinished(console, []engine.Result{result})
				reportUnsettled(console, result)
				if code := result.ExitCode(); code != engine.ExitDone {
					return errSilent{code}
				}
				return nil
			}
		},
	}
}

// tellWait says why nothing happens for a moment.
func (c *console) tellWait(busy error) {
	fmt.Fprintf(c.stderr, "gwe: waiting for some seconds: %v\n", busy)
}
