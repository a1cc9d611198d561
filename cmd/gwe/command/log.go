package command

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/tasklog"
)

func logCommand() command {
	return command{
		name:     "log",
		operands: "[RUN]",
		summary:  "show the full log of a run again",
		help: `
Every run keeps its full log beside its journal; this draws it again, with --output tree, plain or json. What recovery
did later follows as a tree of its own. Without RUN it is the newest one.

example:
  gwe log
  gwe log 20260131-093015.120 --log-depth 2`,
		setUp: func(flags *pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				state, run, err := oneRun(console, operands)
				if err != nil {
					return err
				}
				files, err := state.Logs(run)
				if err != nil {
					return err
				}
				for _, file := range files {
					if err := replay(console, file); err != nil {
						return err
					}
				}
				return nil
			}
		},
	}
}

func replay(console *console, file string) error {
	log, err := regular.Open(file, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	if console.global.output == "" {
		console.global.output = "tree"
	}
	shown := console.view(console.stdout)
	damaged, err := tasklog.Replay(log, shown)
	if closed := shown.close(); err == nil {
		err = closed
	}
	if damaged > 0 {
		fmt.Fprintf(console.stderr, "gwe: %d lines of the log could not be read\n", damaged)
	}
	return err
}
