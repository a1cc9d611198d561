package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func recoverCommand() command {
	return command{
		name:    "recover",
		summary: "finish what a crash or a power cut left",
		help: `
Run it at boot. It ends the surviving processes of a dead run, rolls back what was not committed (by the frozen copy of
the recipe, so neither the recipe nor the package is needed any more), and removes leftovers. With nothing to do it does
nothing. ` + "`gwe run`" + ` does the same first.

A directory of --plugin-dir that is missing keeps it only from runs that need a plugin of that directory.

With --early it is for a unit in front of the services: it rolls back all that needs none of them, and leaves the rest, and
runs that wait, to a second gwe recover after them. Until that has come, the run is suspended.

A run that waits for a reboot or a confirmation continues where its time has come, is rolled back where its time is over, and is
left alone else. A timer that calls gwe recover every minute looks after its deadline.

The exit code is 0 when nothing is left to do, whichever way the run ended; 4 when the failsafe is in place; 5 when the
machine needs an operator, as ` + "`gwe status`" + ` says; 75 while a run waits. A run that ended with 5 counts until ` + "`gwe resolve`" + ` closes it, or a
later run with the same lock commits; with --early only in the recovery that ended it.

example:
  gwe recover`,
		setUp: func(flags *pflag.FlagSet) action {
			early := flags.Bool("early", false, "leave to a later recover what needs services, and runs that wait: for a unit before the services")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe recover takes no operands")
				}
				console.forgiving = true
				machine, shown, err := console.engine()
				if err != nil {
					return err
				}
				machine.Early = *early
				results, err := machine.Recover(ctx)
				console.unseen(shown.close())
				code := engine.ExitDone
				showFinished(console, results)
				for _, result := range results {
					if reportUnsettled(console, result) {
						code = engine.ExitBroken
						continue
					}
					switch result.Status {
					case engine.StatusSuspended:
						code = max(code, engine.ExitWaiting)
					case engine.StatusFailsafe:
						if code != engine.ExitBroken {
							code = engine.ExitFailsafe
						}
					case engine.StatusBroken, engine.StatusPending: // its journal could not be written
						code = engine.ExitBroken
					}
				}
				if err == nil && !*early {
					var left []engine.Summary
					left, err = machine.State.Unresolved()
					code = max(code, tellUnresolved(console, left, results))
				}
				if err == nil && code != engine.ExitDone {
					return errSilent{code}
				}
				return err
			}
		},
	}
}

// showFinished tells what became of runs that other processes had begun.
func showFinished(console *console, results []engine.Result) {
	for _, result := range results {
		if console.global.output == "json" {
			console.unseen(writeResult(console.stdout, result.Line()))
			continue
		}
		line := fmt.Sprintf("run %s: %s", result.Run, result.Status)
		if result.Waits != "" {
			line += ": waits for " + result.Waits
		}
		fmt.Fprintln(console.stdout, line)
		for _, path := range result.Kept {
			fmt.Fprintf(console.stdout, "  kept what came after the commit: %s (`gwe forget %s` removes it)\n", path, result.Run)
		}
	}
	if len(results) > 0 && console.global.output != "json" {
		console.unseen(tellNow(console, results[len(results)-1].Now))
	}
}

// tellUnresolved names the runs that earlier recoveries left to an operator, and gives the exit code that
// they stand for.
func tellUnresolved(console *console, left []engine.Summary, now []engine.Result) (code int) {
	code = engine.ExitDone
	for _, one := range left {
		if one.Status == engine.StatusBroken || one.Status == engine.StatusLost {
			code = engine.ExitBroken
		}
		if slices.ContainsFunc(now, func(result engine.Result) bool { return result.Run == one.Run }) {
			continue // it was told just now
		}
		what := "it ended with exit code 5, and is not resolved"
		switch one.Status {
		case engine.StatusDamaged:
			what = one.Error
		case engine.StatusLost:
			fmt.Fprintf(console.stderr, "gwe: %s\n  = %s\n", one.Error, one.Hint)
			continue
		}
		fmt.Fprintf(console.stderr, "gwe: run %s: %s\n  = %s\n", one.Run, what, one.Next)
	}
	return code
}
