package command

import (
	"context"
	"os"
	"strconv"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine"
)

// takenOverPipe is the descriptor through which the gwe that hands a run over hears that this one has it. The
// locks follow.
const takenOverPipe = 3

// takeOverCommand is what a hand-over step starts of another gwe. Its flags are a word among gwes of all
// versions: see engine.TakeOverCommand.
func takeOverCommand() command {
	return command{
		name:     engine.TakeOverCommand,
		operands: "RUN",
		hidden:   true,
		summary:  "what a hand-over step starts",
		help:     "A hand-over step starts this of the gwe that it names; it does nothing elsewhere.",
		setUp: func(flags *pflag.FlagSet) action {
			check := flags.Bool(flagName(engine.TakeOverCheck), false, "only tell whether this gwe can continue the run")
			locks := flags.Int(flagName(engine.TakeOverLocks), 0, "how many locks there are after descriptor 3")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) != 1 || *check == (*locks > 0) {
					return usagef("only a hand-over step starts this")
				}
				if *check {
					return canTakeOver(console, operands[0])
				}
				return takeOver(ctx, console, operands[0], *locks)
			}
		},
	}
}

func flagName(flag string) string { return flag[len("--"):] }

func canTakeOver(console *console, run string) error {
	machine, err := console.reader()
	if err != nil {
		return err
	}
	answer, err := machine.CanTakeOver(run)
	if err != nil {
		return err
	}
	return writeJSON(console.stdout, answer)
}

func takeOver(ctx context.Context, console *console, run string, locks int) error {
	pipe := os.NewFile(takenOverPipe, "taken over")
	unix.CloseOnExec(takenOverPipe)
	var inherited []*os.File
	for i := range locks {
		inherited = append(inherited, os.NewFile(uintptr(takenOverPipe+1+i), "lock "+strconv.Itoa(i)))
	}
	console.live = true
	machine, shown, err := console.engine()
	if err != nil {
		return err
	}
	result, program, err := machine.TakeOver(ctx, run, inherited, func() error {
		if _, err := pipe.Write([]byte{1}); err != nil {
			return err
		}
		return pipe.Close()
	})
	return tellResult(console, shown, program, result, err)
}
