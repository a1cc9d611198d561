package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/value"
)

func forgetCommand() command {
	return command{
		name:     "forget",
		operands: "RUN",
		offers:   runOffers(keepsUndo),
		summary:  "discard what the undo of a committed run keeps",
		help: `
A committed run keeps what its undo needs, so that ` + "`gwe rollback`" + ` can go back: old files, saved contents, secrets. ` + "`gwe show RUN`" + `
lists it with its size. The next commit of a run with the same lock discards it. This does it
now, and it cannot be undone. It refuses if the undo of a later run still needs the same paths.

Of a run that was rolled back, it removes what came or was changed after the commit and was moved aside; ` + "`gwe show RUN`" + ` lists that.

example:
  gwe forget 20260131-093015.120`,
		setUp: func(*pflag.FlagSet) action {
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) != 1 {
					return usagef("gwe forget takes one RUN; `gwe runs` lists them")
				}
				machine, shown, err := console.engine()
				if err != nil {
					return err
				}
				detail, err := machine.State.Show(operands[0])
				if err != nil {
					console.unseen(shown.close())
					return err
				}
				before, err := machine.State.KeptBytes(operands[0])
				if err == nil {
					err = machine.Forget(ctx, operands[0])
				}
				console.unseen(shown.close())
				if err != nil {
					return err
				}
				after, err := machine.State.KeptBytes(operands[0])
				if err != nil {
					return err
				}
				if console.global.output == "json" {
					return writeJSON(console.stdout, map[string]any{"run": operands[0], "freed": before - after})
				}
				if len(detail.Kept) > 0 {
					_, err = fmt.Fprintf(console.stdout, "what came after the commit of run %s is removed; freed %s\n", operands[0], value.SizeOf(before-after))
					return err
				}
				_, err = fmt.Fprintf(console.stdout, "run %s can no longer be rolled back; freed %s\n", operands[0], value.SizeOf(before-after))
				return err
			}
		},
	}
}
