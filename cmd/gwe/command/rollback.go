package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func rollbackCommand() command {
	return command{
		name:     "rollback",
		operands: "[RUN]",
		offers:   runOffers(canRollBack),
		summary:  "put a committed run back by hand",
		help: `
Undoes all steps of the run, newest first, as a failure would have done: each with the undo that the recipe gives it and that of
its type. What that needs is kept from the commit on, until the next commit of a run with the same lock, or
` + "`gwe forget`" + `. Without RUN it is the newest such run; ` + "`gwe runs`" + ` marks them with a star.

It refuses, and touches nothing, where the run cannot be undone: what it needs was discarded, a later run was committed on top,
a step has no undo, or the machine is not as the run left it. What a step after the commit removed for good stays
removed: that it stays is told first. Once it has begun it continues to its end; after a crash ` + "`gwe recover`" + ` does.

Nothing is deleted that the run did not make, or that was changed after the commit: it stays, or moves to a directory .NAME.kept-RUN beside
its own. The dry run lists it; ` + "`gwe forget RUN`" + ` removes the directory.

A run that is interrupted is recovered first. Where that rolled it back, nothing more is rolled back unless RUN is named.

A run that rebooted the machine is rolled back over a reboot too: the rollback is suspended until then, and ` + "`gwe recover`" + ` ends it.

The exit code is 0 when all is rolled back; 75 when only the reboot into the previous system is missing; 4 when an undo failed and the failsafe is in place; 5 when one failed and the machine
needs manual intervention; 6 when it refused.

example:
  gwe rollback --dry-run
  gwe rollback 20260131-093015.120`,
		setUp: func(flags *pflag.FlagSet) action {
			dry := flags.Bool("dry-run", false, "only show what would be undone, and how")
			return func(ctx context.Context, console *console, operands []string) error {
				_, run, err := oneRun(console, operands)
				if err != nil {
					return err
				}
				if *dry {
					return showRollback(ctx, console, run)
				}
				machine, shown, err := console.engine()
				if err != nil {
					return err
				}
				result, err := machine.Rollback(ctx, run)
				console.unseen(shown.close())
				if err != nil {
					tellFailure(console, err)
					return err
				}
				showFinished(console, []engine.Result{result})
				if code := result.ExitCode(); code != engine.ExitDone {
					return errSilent{code}
				}
				return nil
			}
		},
	}
}

func showRollback(ctx context.Context, console *console, run string) error {
	machine, err := console.reader()
	if err != nil {
		return err
	}
	plan, err := machine.PlanRollback(ctx, run)
	if err != nil {
		return err
	}
	if console.global.output == "json" {
		return writeJSON(console.stdout, plan)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "run %s of %s would be rolled back, in this order:\n", plan.Run, plan.Recipe)
	last := false
	for _, one := range plan.Undone {
		if one.Last && !last {
			fmt.Fprintln(&text, "and last, when all of that is undone:")
			last = true
		}
		fmt.Fprintf(&text, "  %s\n", one.Name)
		for _, line := range one.Undo {
			fmt.Fprintf(&text, "    undo: %s\n", line)
		}
	}
	if len(plan.Stays) > 0 {
		fmt.Fprintln(&text, "what these did after the commit stays:")
		for _, name := range plan.Stays {
			fmt.Fprintf(&text, "  %s\n", name)
		}
	}
	for _, one := range plan.Later {
		where := "stays in " + one.Directory
		if one.To != "" {
			where = fmt.Sprintf("moves from %s to %s, which only `gwe forget %s` removes", one.Directory, one.To, plan.Run)
		}
		fmt.Fprintf(&text, "what came or was changed after the commit %s:\n", where)
		for _, entry := range one.Entries {
			fmt.Fprintf(&text, "  %s\n", nameShown(entry))
		}
		if one.More > 0 {
			fmt.Fprintf(&text, "  and %d more\n", one.More)
		}
	}
	if plan.Reboot != "" {
		fmt.Fprintf(&text, "in the end it %s\n", plan.Reboot)
	}
	_, err = io.WriteString(console.stdout, text.String())
	return err
}

// nameShown quotes a name that a terminal would not show as it is.
func nameShown(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// writeJSON writes what a command tells as JSON for people and scripts.
func writeJSON(out io.Writer, told any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(told)
}
