package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/durable"
)

func supportBundleCommand() command {
	return command{
		name:     "support-bundle",
		operands: "[RUN]",
		offers:   runOffers(nil),
		summary:  "write one file for the vendor: journals, logs, recipes, facts; no secrets",
		help: `
A tar.gz of mode 0600 with what gwe knows of RUN, or of all runs: journals, logs, frozen recipes, what gwe status says, facts of the machine, versions,
mounts, and the names, modes, owners, sizes and times on the targets. Secret inputs, contents that were saved for an undo, and contents of the targets
are not in it. Inputs that are not declared secret, and what hooks printed, are: look before you send it.

It takes no lock and changes nothing, so it can be made at any time, of a damaged device too. At the desk gwe only shows it (status, runs, show, log):

  tar -xf gwe-support-gateway-7-20260131T093015.tar.gz
  gwe show --state-dir gwe-support-gateway-7-20260131T093015/state RUN

example:
  gwe support-bundle
  gwe support-bundle 20260131-093015.120 --to /media/usb/gateway-7.tar.gz`,
		setUp: func(flags *pflag.FlagSet) action {
			to := flags.String("to", "", "the `file`, which must not exist yet (default gwe-support-HOST-TIME.tar.gz in the current directory)")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) > 1 {
					return usagef("gwe support-bundle takes one RUN, or none for all")
				}
				return writeBundle(ctx, console, strings.Join(operands, ""), *to)
			}
		},
	}
}

func writeBundle(ctx context.Context, console *console, run, path string) error {
	machine, err := console.reader()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil || host == "" || strings.ContainsAny(host, "/ \t\n") {
		host = "host"
	}
	name := "gwe-support-" + host + "-" + time.Now().UTC().Format("20060102T150405")
	if path == "" {
		path = name + ".tar.gz"
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return durable.Explain(err, "cannot write %s", path)
	}
	err = machine.SupportBundle(ctx, run, name, file)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		_ = os.Remove(path)
		return durable.Explain(err, "cannot write %s", path)
	}
	if console.global.output == "json" {
		return writeJSON(console.stdout, map[string]string{"file": path})
	}
	_, err = fmt.Fprintln(console.stdout, path)
	return err
}
