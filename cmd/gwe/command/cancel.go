package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

func cancelCommand() command {
	return command{
		name:     "cancel",
		operands: "[RUN]",
		offers:   runOffers(canCancel),
		summary:  "ask the run in progress to stop and roll everything back",
		help: `
It asks the process that holds the run lock, waits for the end of the run, and tells how it ended. Without RUN it is the run
that continues. Asked again, it only waits: nothing is cut short. What cannot be cancelled continues to its end: an undo, a
recovery, a rollback. A suspended run, on which no process works, is rolled back by this command itself.

The exit code is 0 when everything was rolled back (or the run had to be finished first, and is), 7 when the run had come to its
commit already and the new version is in place, 4 and 5 as of ` + "`gwe run`" + `, 6 when no such run is in progress, and 1 when its process died and
` + "`gwe recover`" + ` has to roll it back.

example:
  gwe cancel
  gwe cancel 20260131-093015.120 --no-wait`,
		setUp: func(flags *pflag.FlagSet) action {
			noWait := flags.Bool("no-wait", false, "only ask; do not wait for the end")
			return func(ctx context.Context, console *console, operands []string) error {
				state, run, err := oneRun(console, operands)
				if err != nil {
					return err
				}
				held, err := state.Cancel(run)
				if found := fault.As(err); found != nil && found.Code == "cancel-suspended" {
					return cancelSuspended(ctx, console, run)
				}
				if err != nil {
					return err
				}
				if *noWait {
					return tellCancel(console, engine.Summary{Run: held.Run, Status: engine.StatusRunning}, held.PID)
				}
				ended, err := state.Await(ctx, held)
				if err != nil {
					return err
				}
				if ended.Run != "" && ended.Status == engine.StatusPending {
					return fault.New(fault.Errored, "cancel-died", "the process of run %s died before it had rolled everything back", ended.Run).
						WithHint("`gwe recover` does that now")
				}
				if ended.Status == engine.StatusSuspended {
					// It came to its reboot before it heard, or a recovery was only looking at it.
					err := cancelSuspended(ctx, console, ended.Run)
					if found := fault.As(err); found == nil || found.Code != "cancel-rolled-back" {
						return err
					}
				}
				if ended.Run == "" && held.Run != "" {
					return machineLost(state, held)
				}
				if err := tellCancel(console, ended, held.PID); err != nil {
					return err
				}
				if machine, err := console.reader(); err == nil && ended.Run != "" {
					now, _ := machine.Reports(ctx)
					console.unseen(tellNow(console, now))
				}
				if code := cancelCode(ended.Status); code != engine.ExitDone {
					return errSilent{code}
				}
				return nil
			}
		},
	}
}

// cancelCode is what the end of the run means to who cancelled it: that all is in place is not success here.
func cancelCode(status engine.Status) int {
	switch status {
	case engine.StatusDone:
		return engine.ExitCommitted
	case engine.StatusRestored, engine.StatusRefused, "":
		return engine.ExitDone
	}
	return engine.Result{Status: status}.ExitCode()
}

// cancelSuspended puts a run back that waits for a reboot or a confirmation.
func cancelSuspended(ctx context.Context, console *console, run string) error {
	machine, shown, err := console.engine()
	if err != nil {
		return err
	}
	machine.Waits = console.tellWait
	result, err := machine.CancelSuspended(ctx, run)
	console.unseen(shown.close())
	if err != nil {
		return err
	}
	showFinished(console, []engine.Result{result})
	if code := cancelCode(result.Status); code != engine.ExitDone {
		return errSilent{code}
	}
	return nil
}

// machineLost says that the process has ended, and that no journal tells how.
func machineLost(state engine.State, held engine.Holder) error {
	lost := fault.New(fault.Errored, "run-lost", "process %d of run %s has ended, and its journal was deleted: how it ended is not known", held.PID, held.Run)
	if found, err := (&engine.Engine{State: state}).Examine(held.Run); err == nil {
		return lost.WithHint("%s", found.Hint)
	}
	return lost.WithHint("see by hand whether the machine is as before; `gwe status` says what is known")
}

func tellCancel(console *console, ended engine.Summary, pid int) error {
	if console.global.output == "json" {
		return writeJSON(console.stdout, engine.Cancelled{Run: ended.Run, PID: pid, Status: ended.Status})
	}
	var err error
	switch {
	case ended.Run == "":
		_, err = fmt.Fprintf(console.stdout, "process %d: asked to stop before it came to a run\n", pid)
	case ended.Status == engine.StatusRunning:
		_, err = fmt.Fprintf(console.stdout, "run %s: asked to stop\n", ended.Run)
	default:
		_, err = fmt.Fprintf(console.stdout, "run %s: %s\n", ended.Run, ended.Status)
	}
	return err
}
