package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func resolveCommand() command {
	return command{
		name:     "resolve",
		operands: "[RUN]",
		offers:   runOffers(nil),
		summary:  "say what a run left that gwe could not bring to its end, and close it",
		help: `
For a run that ended with exit code 5, one whose recovery fails, and one whose journal is damaged. Without --reason it only looks: which undos failed or
are owed, what is different now from what they should have restored, and where the undo data lies. It changes nothing and takes no
lock.

Put the machine right by hand, then close the run with --reason. gwe looks once more, keeps the reason with the run (gwe show), and
removes the undo data. From then on the run blocks no other one, and is not a reason for exit code 5. What could be recovered is recovered instead.

Without RUN it is the only run that needs an operator. A page tells how to repair by hand: docs/repair-by-hand.md.

The exit code is 0 when the run is closed; 5 when it was only looked at; 6 when no such run needs an operator.

example:
  gwe resolve
  gwe resolve 20260131-093015.120 --reason "restored app.conf from the backup"`,
		setUp: func(flags *pflag.FlagSet) action {
			reason := flags.String("reason", "", "close the run: `text` says what was found and done")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) > 1 {
					return usagef("gwe resolve takes one RUN, or none for the only one that needs an operator")
				}
				run := strings.Join(operands, "")
				if !flags.Changed("reason") {
					return lookAtRun(console, run)
				}
				machine, shown, err := console.engine()
				if err != nil {
					return err
				}
				found, err := machine.Resolve(ctx, run, *reason)
				console.unseen(shown.close())
				if err != nil {
					return err
				}
				return tellFinding(console, found)
			}
		},
	}
}

// lookAtRun shows what is wrong, and closes nothing.
func lookAtRun(console *console, run string) error {
	machine, err := console.reader()
	if err != nil {
		return err
	}
	found, err := machine.Examine(run)
	if err == nil {
		err = tellFinding(console, found)
	}
	if err == nil {
		err = errSilent{engine.ExitBroken}
	}
	return err
}

func tellFinding(console *console, found engine.Finding) error {
	if console.global.output == "json" {
		return writeJSON(console.stdout, found)
	}
	_, err := io.WriteString(console.stdout, findingText(found))
	return err
}

// owedText tells what was not undone.
func owedText(text *strings.Builder, found engine.Finding) {
	if len(found.FailedUndos) > 0 {
		fmt.Fprintln(text, "undos that failed:")
	}
	for _, one := range found.FailedUndos {
		fmt.Fprintf(text, "  %s: %s\n", titled(one.StepName), one.Error)
		if one.Hint != "" {
			fmt.Fprintf(text, "    = %s\n", one.Hint)
		}
	}
	if len(found.Owed) > 0 {
		fmt.Fprintln(text, "not undone, in the order of the undo:")
	}
	for _, one := range found.Owed {
		fmt.Fprintf(text, "  %s\n", titled(one.StepName))
	}
	switch {
	case found.Status == engine.StatusDamaged && len(found.Owed) > 0:
		fmt.Fprintln(text, "  and whatever the damaged part of the journal held: the log tells all steps")
	case found.Status == engine.StatusDamaged && found.Blocks:
		fmt.Fprintln(text, "which steps were not undone is not known any more")
	}
}

func findingText(found engine.Finding) string {
	var text strings.Builder
	of := ""
	if found.Recipe != "" {
		of = " of " + found.Recipe
	}
	fmt.Fprintf(&text, "run %s%s: %s\n", found.Run, of, found.Status)
	if found.Error != "" {
		fmt.Fprintf(&text, "  %s\n", found.Error)
	}
	if found.Status == engine.StatusPending && found.Hint != "" {
		fmt.Fprintf(&text, "    = %s\n    = then `gwe recover` tries again\n", found.Hint)
	}
	owedText(&text, found)
	if found.Status == engine.StatusDamaged && !found.Blocks && found.Resolved == nil {
		fmt.Fprintf(&text, "next: nothing is owed, so nothing is to be put right: `gwe resolve %s --reason TEXT` sets it aside\n", found.Run)
		return text.String()
	}
	switch {
	case len(found.Different) > 0:
		fmt.Fprintln(&text, "different from before the run:")
	case found.Status != engine.StatusDamaged && found.Status != engine.StatusLost:
		fmt.Fprintln(&text, "different from before the run: nothing that gwe saw then")
	}
	for _, one := range found.Different {
		fmt.Fprintf(&text, "  %s: %s; it was: %s\n", one.Path, one.Is, one.Was)
	}
	if len(found.Unseen) > 0 {
		fmt.Fprintln(&text, "gwe cannot see what these changed, for they ran programs:")
	}
	for _, one := range found.Unseen {
		fmt.Fprintf(&text, "  %s\n", titled(one))
	}
	if len(found.Kept) > 0 {
		fmt.Fprintln(&text, keptTitle(found))
	}
	for _, path := range found.Kept {
		fmt.Fprintf(&text, "  %s\n", path)
	}
	if found.Resolved != nil {
		fmt.Fprintf(&text, "closed by %s: %s\n", found.Resolved.By, found.Resolved.Reason)
		return text.String()
	}
	look := fmt.Sprintf(" (`gwe show %[1]s`, `gwe log %[1]s`)", found.Run)
	if found.Status == engine.StatusLost {
		look = "" // nothing is left that these could show
	}
	fmt.Fprintf(&text, "next: put the machine right by hand%s, then `gwe resolve %s --reason TEXT`\n", look, found.Run)
	return text.String()
}

func keptTitle(found engine.Finding) string {
	if found.Resolved != nil {
		return "undo data that is still there; remove it by hand when it is not needed any more:"
	}
	return "undo data:"
}

// titled is a step's name for a list, with its type.
func titled(one engine.StepName) string {
	if title := one.Title(); one.Type != "" && one.Type != title {
		return title + " (" + one.Type + ")"
	}
	return one.Title()
}
