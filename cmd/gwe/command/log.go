package command

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/tasklog"
)

func logCommand() command {
	return command{
		name:     "log",
		operands: "[RUN]",
		offers:   runOffers(nil),
		summary:  "show the full log of a run again",
		help: `
Every run keeps its full log beside its journal; this draws it again, with --output tree, plain or json. What recovery
did later follows as a tree of its own. Without RUN it is the newest one.

With --follow it continues until the run has ended, or is suspended, and shows each line with its time; so does --output plain.

example:
  gwe log
  gwe log 20260131-093015.120 --log-depth 2
  gwe log --follow`,
		setUp: func(flags *pflag.FlagSet) action {
			follow := flags.BoolP("follow", "f", false, "show what comes, with times, until the run has ended")
			return func(ctx context.Context, console *console, operands []string) error {
				state, run, err := oneRun(console, operands)
				if err != nil {
					return err
				}
				if *follow {
					return followLog(ctx, console, state, run)
				}
				files, err := state.Logs(run)
				if err != nil {
					return err
				}
				for _, file := range files {
					if err := replay(console, run, file); err != nil {
						return err
					}
				}
				return nil
			}
		},
	}
}

func replay(console *console, run, file string) error {
	log, err := regular.Open(file, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	if console.global.output == "" {
		console.global.output = "tree"
	}
	shown := console.replayed(console.stdout)
	damaged, err := tasklog.Replay(log, tasklog.OfRun(run, shown))
	if closed := shown.close(); err == nil {
		err = closed
	}
	if damaged > 0 {
		fmt.Fprintf(console.stderr, "gwe: %d lines of the log could not be read\n", damaged)
	}
	return err
}

// followLog shows the logs of a run while they grow. Where --output says nothing lines have times.
func followLog(ctx context.Context, console *console, state engine.State, run string) error {
	if console.global.output == "" {
		console.global.output = "plain"
	}
	log, err := state.FollowLog(ctx, run)
	if err != nil {
		return err
	}
	defer log.Close()
	shown := console.view(console.stdout)
	_, err = tasklog.Replay(log, tasklog.OfRun(run, shown))
	if closed := shown.close(); err == nil {
		err = closed
	}
	if ctx.Err() != nil {
		return nil // whoever watched has seen enough
	}
	if err != nil || console.global.output == "json" {
		return err
	}
	told, err := state.Show(log.Run())
	if err == nil {
		_, err = fmt.Fprintf(console.stdout, "run %s: %s\n", told.Run, told.Status)
	}
	return err
}
