package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/tasklog"
)

func packCommand() command {
	return command{
		name:     "pack",
		operands: "DIR",
		offers:   first(anyDirectory),
		summary:  "pack a directory into a signed package",
		help: `
The package is a tar of DIR with one top-level directory, compressed, in a signed OpenPGP message that GnuPG reads too. The
same tree gives the same tar. Left out are .git, .svn and .bzr and what --exclude names; sockets, pipes and devices are
refused. Modes, owners, times, links and extended attributes are kept, file capabilities and IMA signatures among them. Access
control lists are not, and gwe warns of them. The package's path is printed last, on standard output. It appears when it is complete; nothing is left of one
that failed.

A package that is compressed with zstd and not encrypted gets an index: it lists what the package holds, is signed by the same
key, and lies in the package and beside it, as a file that ends in .index. With it a device reads or fetches of an update only
what it does not have. --no-index leaves it out, for a package that is a little smaller.

The signing key is a file with a secret key: one that ` + "`gwe keys new`" + ` made, or what ` + "`gpg --export-secret-keys`" + ` writes, mode
0600. Its passphrase is asked for on a terminal, or read from a file or descriptor.

example:
  gwe keys new "Example releases"
  gwe pack build/firmware-2 --key example-releases.key
  gwe pack build/firmware-2 --key example-releases.key --encrypt-for device.asc --to /srv/packages`,
		setUp: func(flags *pflag.FlagSet) action {
			var options bundle.PackOptions
			var passphrase passphraseFlags
			flags.StringVarP(&options.SigningKey, "key", "k", "", "`file` with the secret key that signs")
			passphrase.declare(flags)
			flags.StringVarP(&options.Output, "to", "o", "", "`path` of the package, or directory for it (default the working directory)")
			flags.StringVar(&options.Name, "name", "", "`name` of the release (default DIR's own)")
			flags.StringArrayVarP(&options.Exclude, "exclude", "x", nil, "`pattern` of what to leave out: a name, or a path from DIR; may be repeated")
			flags.StringArrayVarP(&options.EncryptFor, "encrypt-for", "e", nil, "`file` with the public key of who can decrypt it; may be repeated")
			compression := flags.String("compression", "zstd", "`form`: zstd, or gzip for old devices and old tools")
			accepts(flags, "compression", "zstd", "gzip")
			flags.BoolVar(&options.PlainFiles, "no-xattrs", false, "leave extended attributes out: capabilities, IMA signatures, those of users")
			flags.BoolVar(&options.NoIndex, "no-index", false, "write no index: each device then reads the whole package")
			flags.IntVar(&options.Level, "level", 0, "compression `level`, 1 to 22 for zstd and 1 to 9 for gzip")
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) != 1 {
					return usagef("one DIR is wanted: the directory to pack")
				}
				options.Directory, options.Compression = operands[0], bundle.Compression(*compression)
				return pack(ctx, console, options, passphrase)
			}
		},
	}
}

func pack(ctx context.Context, console *console, options bundle.PackOptions, passphrase passphraseFlags) error {
	var err error
	if options.Passphrase, err = passphrase.given(ctx); err != nil {
		return err
	}
	if options.Passphrase.IsZero() && options.SigningKey != "" && canAsk(console) {
		// What is wrong with the file otherwise, the work itself tells.
		if locked, err := bundle.KeyIsLocked(options.SigningKey); err == nil && locked {
			if options.Passphrase, err = ask(ctx, "Passphrase of "+options.SigningKey+": "); err != nil {
				return err
			}
		}
	}
	var path string
	err = onTerminal(console, "pack", "Pack "+options.Directory, func(log *tasklog.Task) (err error) {
		options.Warn = func(text string) {
			if log == nil {
				fmt.Fprintln(console.stderr, "gwe: warning: "+text)
				return
			}
			log.Warn(text)
		}
		options.Progress = func(current, total int64) { log.Progress(current, total, "bytes") }
		path, err = bundle.Pack(ctx, options)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(console.stdout, path)
	return err
}

// onTerminal shows what work is doing, on standard error and only where that is a terminal: standard output
// is for results.
func onTerminal(console *console, kind, name string, work func(log *tasklog.Task) error) error {
	if !isTerminal(console.stderr) || console.global.output == "json" {
		return work(nil)
	}
	shown := console.view(console.stderr)
	log := tasklog.Begin(shown, kind, name)
	err := work(log)
	if err == nil {
		log.Done("")
	} else {
		log.Fail(err)
	}
	if closed := shown.close(); err == nil {
		return closed
	}
	return errSilent{exitCode(err)}
}
