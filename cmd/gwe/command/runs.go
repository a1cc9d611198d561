package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func runsCommand() command {
	return command{
		name:    "runs",
		summary: "list the runs and how they ended",
		help: `
Oldest first. A run that is "pending" was interrupted and waits for ` + "`gwe recover`" + `; one that is "suspended" waits for a reboot or a
confirmation; "in progress" is what a process works on now. The newest 20 runs are kept, and those whose undo is still kept besides. A star marks the runs
that ` + "`gwe rollback`" + ` can undo; (*) those that keep what an undo needs and cannot be rolled back all the same, which
` + "`gwe forget`" + ` discards.

example:
  gwe runs`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe runs takes no operands; `gwe show RUN` shows one")
				}
				machine, err := console.reader()
				if err != nil {
					return err
				}
				list, err := machine.State.List()
				if err != nil {
					return err
				}
				list = withLost(list, machine.State.Lost())
				able, err := machine.Rollbackable()
				if err != nil {
					return err
				}
				return showRuns(console, machine.State.Directory, list, able)
			}
		},
	}
}

// withLost puts the runs whose journal was deleted in their places.
func withLost(list, lost []engine.Summary) []engine.Summary {
	list = append(list, lost...)
	slices.SortStableFunc(list, func(a, b engine.Summary) int { return strings.Compare(a.Run, b.Run) })
	return list
}

func showRuns(console *console, directory string, list []engine.Summary, able []string) error {
	if console.global.output == "json" {
		return writeJSON(console.stdout, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(console.stdout, "no runs in %s\n", directory)
		return err
	}
	table := tabwriter.NewWriter(console.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tRECIPE\tTOOK\tSTATUS")
	for _, one := range list {
		status := string(one.Status)
		switch {
		case slices.Contains(able, one.Run):
			status += " *"
		case one.Standing:
			status += " (*)"
		}
		switch {
		case one.Resolved != nil:
			status += ", resolved: " + one.Resolved.Reason
		case one.Error != "":
			status += ": " + one.Error
		case one.Waits != "":
			status += ": waits for " + one.Waits
		case one.Status == engine.StatusPending:
			status += ": " + one.Next
		case one.Stopped != "":
			status += ": " + one.Stopped
		}
		took := "-"
		unknown := []engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusDamaged, engine.StatusRolledBack, engine.StatusLost}
		if !one.Started.IsZero() && !slices.Contains(unknown, one.Status) {
			took = lastWord(one).Sub(one.Started).Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", one.Run, one.Recipe, took, status)
	}
	return table.Flush()
}
