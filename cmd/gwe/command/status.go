package command

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
)

func statusCommand() command {
	return command{
		name:    "status",
		summary: "tell what is in progress: running, pending, last, and what can be rolled back",
		help: `
A few lines, or with --output json one object. It takes no lock and changes nothing.

Where the state directory was deleted, runs that had not ended are told by a note beside it. With --target DIR a directory tells by itself: which
process holds its lock, and which runs left hidden names in it.

The exit code is 0 when nothing is in progress and nothing waits; 75 when a run is in progress, or one waits for ` + "`gwe recover`" + `; 5 when the machine
needs an operator: a run ended so, and neither ` + "`gwe resolve`" + ` closed it nor a later one with the same lock committed; a recovery failed, or
cannot begin since the state directory cannot be written; or the journal of a run is damaged that may still owe an undo.

example:
  gwe status
  gwe status --output json`,
		setUp: func(flags *pflag.FlagSet) action {
			targets := flags.StringArray("target", nil, "look at the lock and the hidden names of this `directory` too; may be repeated")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe status takes no operands; `gwe show RUN` shows one run")
				}
				machine, err := console.reader()
				if err != nil {
					return err
				}
				seen, err := machine.Overview(ctx)
				if err != nil {
					return err
				}
				for _, target := range *targets {
					if target, err = filepath.Abs(target); err != nil {
						return err
					}
					seen.Targets = append(seen.Targets, machine.State.LookAtTarget(target))
				}
				if console.global.output == "json" {
					err = writeJSON(console.stdout, seen)
				} else {
					_, err = io.WriteString(console.stdout, statusText(seen))
				}
				if code := seen.ExitCode(); err == nil && code != engine.ExitDone {
					return errSilent{code}
				}
				return err
			}
		},
	}
}

// pendingText tells of a run that is not over.
func pendingText(text *strings.Builder, one engine.Summary) {
	if one.Waits != "" {
		fmt.Fprintf(text, "suspended run %s of %s, begun %s: waits for %s", one.Run, one.Recipe, clock(one.Started), one.Waits)
		if one.Left != "" {
			fmt.Fprintf(text, ", of which %s are left", one.Left)
		}
		fmt.Fprintln(text)
		if !one.RecoveryFailed.IsZero() {
			fmt.Fprintf(text, "          its recovery failed at %s: %s\n", clock(one.RecoveryFailed), one.Error)
			advise(text, one.Hint)
		}
		advise(text, one.Next)
		return
	}
	if !one.RecoveryFailed.IsZero() {
		fmt.Fprintf(text, "pending   run %s of %s, begun %s: its recovery failed at %s: %s\n", one.Run, one.Recipe, clock(one.Started), clock(one.RecoveryFailed), one.Error)
		advise(text, one.Hint)
		advise(text, one.Next)
		return
	}
	fmt.Fprintf(text, "pending   run %s of %s, begun %s: interrupted", one.Run, one.Recipe, clock(one.Started))
	if one.In != "" {
		fmt.Fprintf(text, " in %s", one.In)
	}
	fmt.Fprintln(text)
	advise(text, one.Next)
}

func statusText(seen engine.Overview) string {
	var text strings.Builder
	if doing := seen.Running; doing == nil {
		fmt.Fprintln(&text, "running   nothing")
	} else {
		fmt.Fprintf(&text, "running   %s\n", activityText(doing))
		if doing.Lost {
			fmt.Fprintln(&text, "          its state directory was deleted: what it saved for its undo is gone, and if it dies nothing can be undone")
		}
		if doing.Stopped {
			fmt.Fprintf(&text, "          the process was stopped (SIGSTOP), and does nothing\n")
		}
		for _, one := range doing.Steps {
			fmt.Fprintf(&text, "          %s: %s, since %s\n", one.Type, one.Name, clock(one.Since))
		}
		advise(&text, doing.Next)
	}
	if seen.State != nil {
		fmt.Fprintf(&text, "state     %s\n", seen.State.Text)
		advise(&text, seen.State.Hint)
	}
	for _, one := range seen.Pending {
		pendingText(&text, one)
	}
	for _, one := range seen.Damaged {
		of := ""
		if one.Recipe != "" {
			of = " of " + one.Recipe
		}
		fmt.Fprintf(&text, "damaged   run %s%s: %s\n", one.Run, of, one.Error)
		advise(&text, one.Next)
	}
	for _, one := range seen.Lost {
		fmt.Fprintf(&text, "lost      %s\n", one.Error)
		advise(&text, one.Next)
	}
	for _, one := range seen.Broken {
		fmt.Fprintf(&text, "broken    run %s of %s: %s\n", one.Run, one.Recipe, one.Status)
		if one.Error != "" {
			fmt.Fprintf(&text, "          it failed: %s\n", one.Error)
		}
		for _, undo := range one.FailedUndos {
			fmt.Fprintf(&text, "          undo failed: %s: %s\n", titled(undo.StepName), undo.Error)
		}
		advise(&text, one.Next)
	}
	if last := seen.Last; last != nil {
		fmt.Fprintf(&text, "last      run %s of %s: %s, %s\n", last.Run, last.Recipe, last.Status, clock(lastWord(*last)))
		if last.Resolved != nil {
			fmt.Fprintf(&text, "          resolved by %s at %s: %s\n", last.Resolved.By, clock(last.Resolved.At), last.Resolved.Reason)
		} else if last.Error != "" && last.Status != engine.StatusBroken { // that one is told above, until a later run settles it
			failed := map[bool]string{true: "it was refused", false: "it failed"}[last.Status == engine.StatusRefused]
			fmt.Fprintf(&text, "          %s: %s\n", failed, last.Error)
			advise(&text, last.Hint)
			advise(&text, last.Next)
		}
	} else {
		fmt.Fprintln(&text, "last      no run has ended yet")
	}
	for _, one := range seen.Abandoned {
		fmt.Fprintf(&text, "stays     %s, kept by run %s and not needed any more\n", one.Path, one.Run)
		advise(&text, fmt.Sprintf("gwe could not remove it, and does not try again (`gwe show %s` says why): see where it is now, and remove it by hand", one.Run))
	}
	title := "now"
	for _, line := range nowLines(seen.Now) {
		fmt.Fprintf(&text, "%-9s %s\n", title, line)
		title = ""
	}
	for _, one := range seen.Targets {
		text.WriteString(targetText(one))
	}
	able := "no run"
	if len(seen.Rollback) > 0 {
		able = strings.Join(seen.Rollback, ", ")
	}
	fmt.Fprintf(&text, "rollback  %s\n", able)
	return text.String()
}

func targetText(seen engine.Target) string {
	var text strings.Builder
	held := "no process holds its lock"
	if seen.PID != 0 {
		held = fmt.Sprintf("locked by process %d", seen.PID)
		if seen.Run != "" {
			held += ", run " + seen.Run
		}
		if seen.State != "" {
			held += " of the state directory " + seen.State
		}
	}
	fmt.Fprintf(&text, "target    %s: %s\n", seen.Path, held)
	unknown := false
	for _, one := range seen.Hidden {
		unknown = unknown || !one.Known
		whose := "run " + one.Run
		if !one.Known {
			whose += ", which this state directory does not know"
		}
		fmt.Fprintf(&text, "          %s: %s\n", one.Path, whose)
	}
	if unknown {
		advise(&text, "if no other state directory has that run, it is left over: look at it, and move or remove it by hand")
	}
	return text.String()
}

// advise adds what to do next.
func advise(text *strings.Builder, hint string) {
	if hint != "" {
		fmt.Fprintf(text, "          = %s\n", hint)
	}
}

// lastWord is when a run ended; for one that an operator closed, when its journal was last written.
func lastWord(one engine.Summary) time.Time {
	if one.Ended.IsZero() {
		return one.Latest
	}
	return one.Ended
}

func activityText(doing *engine.Activity) string {
	if doing.Run == "" {
		return fmt.Sprintf("process %d, which has come to no run yet", doing.PID)
	}
	text := fmt.Sprintf("run %s of %s, process %d", doing.Run, doing.Recipe, doing.PID)
	if doing.Work != "" && doing.Since != nil {
		text += fmt.Sprintf(", %s since %s", doing.Work, clock(*doing.Since))
	}
	return text
}

func clock(at time.Time) string { return at.Local().Format(time.DateTime) }
