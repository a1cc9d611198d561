package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/value"
)

func showCommand() command {
	return command{
		name:     "show",
		operands: "[RUN | PACKAGE]",
		offers:   runOffers(nil),
		summary:  "show what the journal tells of a run, or what a package holds",
		help: `
Inputs, steps with their outputs, errors, and what is still kept for an undo, with its size on the disk. Without RUN it is
the newest one.

Of a package that has an index, gwe lists what it holds, and with --base what an update from that release would link, write and
fetch. Only the index is read and verified, not the package: gwe verify reads all of it.

example:
  gwe show
  gwe show 20260131-093015.120 --output json
  gwe show ./firmware-2.tar.zst.gpg --keyring keys --base /opt/firmware/current`,
		setUp: func(flags *pflag.FlagSet) action {
			var policy bundle.Policy
			flags.StringVar(&policy.Keyring, "keyring", defaultKeyring, "`directory` of trusted public keys, for a package")
			flags.StringArrayVar(&policy.SignedBy, "signed-by", nil, "`fingerprint` of a key whose signature counts, for a package; may be repeated")
			base := flags.String("base", "", "`release` from which the package would update")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) == 1 && isPackage(operands[0]) {
					return showPackage(ctx, console, operands[0], policy, *base)
				}
				if *base != "" {
					return usagef("--base goes with a PACKAGE")
				}
				state, run, err := oneRun(console, operands)
				if err != nil {
					return err
				}
				detail, damage := state.Show(run)
				if damage != nil && detail.Run == "" {
					return damage
				}
				if console.global.output == "json" {
					err = writeJSON(console.stdout, detail)
				} else {
					err = showDetail(console.stdout, detail)
				}
				if damage != nil && !detail.Blocks {
					report(console, damage)
					damage = nil
				}
				return errors.Join(err, damage)
			}
		},
	}
}

// oneRun reads the operands of a command about one run: its id, or none for the newest.
func oneRun(console *console, operands []string) (engine.State, string, error) {
	directory, err := console.stateDirectory()
	if err != nil {
		return engine.State{}, "", err
	}
	switch len(operands) {
	case 0:
		return engine.State{Directory: directory}, "", nil
	case 1:
		return engine.State{Directory: directory}, operands[0], nil
	}
	return engine.State{}, "", usagef("one RUN is wanted, or none for the newest")
}

func showDetail(out io.Writer, d engine.Detail) error {
	if err := showHead(out, d); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nsteps")
	table := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	for _, one := range d.Steps {
		more := strings.TrimSpace(outputsLine(one.Outputs) + " " + one.Text)
		if one.Error != "" {
			more = strings.TrimPrefix(one.Text+": "+one.Error, ": ") // instead of what it had handed out before
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", one.Title(), one.Type, one.State, more)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if d.Error != "" {
		fmt.Fprintf(out, "\nerror\n  %s\n", d.Error)
		if d.Hint != "" {
			fmt.Fprintf(out, "    = %s\n", d.Hint)
		}
	}
	for _, other := range d.Errors {
		fmt.Fprintf(out, "  %s\n", other)
	}
	if len(d.Kept) > 0 {
		fmt.Fprintf(out, "\ncame after the commit, kept until `gwe forget %s`\n", d.Run)
		table = tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
		for _, one := range d.Kept {
			fmt.Fprintf(table, "  %s\t%s\n", one.Path, value.SizeOf(one.Bytes))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	if len(d.Abandoned) > 0 {
		fmt.Fprintln(out, "\nnot removed: no undo needs it, and gwe does not try again")
		for _, one := range d.Abandoned {
			fmt.Fprintf(out, "  %s\n    %s\n", one.Path, one.Why)
		}
	}
	if d.Standing {
		fmt.Fprintf(out, "\nkept for its undo\n")
		table = tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
		for _, lease := range d.Leases {
			fmt.Fprintf(table, "  %s\t%s\n", lease.Path, value.SizeOf(lease.Bytes))
		}
		return table.Flush()
	}
	return nil
}

// showHead shows the run itself.
func showHead(out io.Writer, d engine.Detail) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "run\t%s\n", d.Run)
	status := string(d.Status)
	if d.Was != "" {
		status += ", had ended: " + string(d.Was)
	}
	fmt.Fprintf(table, "status\t%s\n", status)
	if d.Resolved != nil {
		fmt.Fprintf(table, "resolved\t%s, by %s: %s\n", clock(d.Resolved.At), d.Resolved.By, d.Resolved.Reason)
	}
	if d.Waits != "" {
		fmt.Fprintf(table, "waits for\t%s\n", d.Waits)
	}
	if d.Next != "" {
		fmt.Fprintf(table, "next\t%s\n", d.Next)
	}
	fmt.Fprintf(table, "recipe\t%s (%s, sha256 %.12s)\n", d.Recipe, d.File, d.Digest)
	if !d.Started.IsZero() {
		fmt.Fprintf(table, "began\t%s, by gwe %s\n", clock(d.Started), d.Version)
	}
	switch {
	case d.Started.IsZero(): // the record that says it is damaged
	case d.Ended.IsZero() && d.Resolved == nil:
		fmt.Fprintf(table, "journal\tlast written %s\n", clock(d.Latest))
	case d.Status == engine.StatusRolledBack:
		fmt.Fprintf(table, "rolled back\t%s\n", clock(d.Ended))
	default:
		fmt.Fprintf(table, "took\t%s\n", lastWord(d.Summary).Sub(d.Started).Round(time.Millisecond))
	}
	for _, lock := range d.Locks {
		fmt.Fprintf(table, "lock\t%s\n", lock)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
		fmt.Fprintf(table, "input\t%s = %s\n", name, d.Inputs[name])
	}
	for _, name := range d.Secrets {
		fmt.Fprintf(table, "input\t%s = ***\n", name)
	}
	return table.Flush()
}

func outputsLine(outputs map[string]json.RawMessage) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		shown := string(outputs[name])
		if len(shown) > 60 {
			shown = shown[:57] + "..."
		}
		parts = append(parts, name+"="+strings.ToValidUTF8(shown, "\uFFFD"))
	}
	return strings.Join(parts, " ")
}
