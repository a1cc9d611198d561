package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/bundle"
)

func keysNewCommand() command {
	return command{
		name:     "keys new",
		operands: "NAME",
		summary:  "make a key that signs packages",
		help: `
Two files are made: NAME.key, the secret key, mode 0600, which stays with whoever signs; and NAME.asc, the public key,
which goes into the devices' keyrings. A device that gets encrypted packages has such a key too. GnuPG reads both. Keys
are never overwritten.

A passphrase is asked for on a terminal, or read from a file or descriptor; without either the key is not locked.

example:
  gwe keys new "Example releases" --email releases@example.org
  gwe keys import example-releases.asc --keyring /etc/gwe/keys`,
		setUp: func(flags *pflag.FlagSet) action {
			var options bundle.NewKeyOptions
			var passphrase passphraseFlags
			email := flags.String("email", "", "`address` in the key's user id")
			algorithm := flags.String("algorithm", "ed25519", "`kind` of the key: ed25519, or rsa for tools that know nothing else")
			accepts(flags, "algorithm", "ed25519", "rsa")
			expires := flags.String("expires", "", "last `day` on which the key may sign, as 2030-12-31 (default: for ever)")
			flags.StringVarP(&options.Directory, "to", "o", "", "`directory` for the two files (default the working directory)")
			passphrase.declare(flags)
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) != 1 {
					return usagef("one NAME is wanted; quote it where it holds blanks")
				}
				options.Algorithm = bundle.Algorithm(*algorithm)
				if *expires != "" {
					day, err := time.Parse(time.DateOnly, *expires)
					if err != nil {
						return usagef("--expires wants a day as 2030-12-31, not %q", *expires)
					}
					options.Expires = day.Add(24*time.Hour - time.Second) // that day counts
				}
				return newKey(ctx, console, operands[0], *email, options, passphrase)
			}
		},
	}
}

func newKey(ctx context.Context, console *console, name, email string, options bundle.NewKeyOptions, passphrase passphraseFlags) error {
	var err error
	if options.Passphrase, err = passphrase.given(ctx); err != nil {
		return err
	}
	if options.Passphrase.IsZero() && canAsk(console) {
		if options.Passphrase, err = askNew(ctx); err != nil {
			return err
		}
	}
	made, err := bundle.NewKey(name, email, options)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(console.stdout, "%s\n  fingerprint  %s\n  secret key   %s   keep it where packages are signed\n  public key   %s   import it on the devices\n",
		printable(made.UserID), made.Fingerprint, made.Secret, made.Public)
	return err
}

func keysListCommand() command {
	return command{
		name:    "keys list",
		summary: "list the keys of a keyring",
		help: `
A keyring is a directory of public keys (*.asc, *.gpg) or a GnuPG home. Shown is whether each key may sign today. Files that
cannot be read are named on standard error; they take nothing from the others.

example:
  gwe keys list --keyring keys`,
		setUp: func(flags *pflag.FlagSet) action {
			keyring := flags.String("keyring", defaultKeyring, "`directory` of trusted public keys")
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe keys list takes no operands; --keyring names another keyring")
				}
				ring, err := bundle.ReadKeyring(*keyring)
				if err != nil {
					return err
				}
				warn(console, ring.Warnings()...)
				return showKeys(console, *keyring, ring.Keys())
			}
		},
	}
}

func keysImportCommand() command {
	return command{
		name:     "keys import",
		operands: "FILE...",
		offers:   anyFile,
		summary:  "put public keys into a keyring",
		help: `
Each public key of the files is checked and stored as FINGERPRINT.asc, as it was written; the keyring is made where it is
missing. A key that is there already is joined with the new copy, as gpg --import does it: an older copy takes nothing
back. A certificate of revocation revokes the key that is there. Secret keys are refused. Text around an armour is
passed over.

From then on, packages signed by these keys are accepted. Compare the fingerprint with the one the vendor tells you by
another way.

example:
  gwe keys import example-releases.asc --keyring keys`,
		setUp: func(flags *pflag.FlagSet) action {
			keyring := flags.String("keyring", defaultKeyring, "`directory` of trusted public keys")
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) == 0 {
					return usagef("at least one FILE is wanted: public keys, as gwe keys new and gpg --export write them")
				}
				var imported []bundle.Key
				for _, file := range operands {
					made, err := bundle.Import(*keyring, file)
					warn(console, made.Warnings...)
					if err != nil {
						// The files before are imported.
						if len(imported) > 0 {
							err = errors.Join(showKeys(console, *keyring, imported), err)
						}
						return err
					}
					imported = append(imported, made.Keys...)
				}
				return showKeys(console, *keyring, imported)
			}
		},
	}
}

func keysExportCommand() command {
	return command{
		name:     "keys export",
		operands: "KEY",
		offers:   first(keyOffers),
		summary:  "print a public key of a keyring",
		help: `
KEY is a fingerprint, its end (8 digits or more), or a part of the user id, and must name one key. The armoured public key
goes to standard output.

example:
  gwe keys export releases@example.org --keyring keys > example-releases.asc`,
		setUp: func(flags *pflag.FlagSet) action {
			keyring := flags.String("keyring", defaultKeyring, "`directory` of trusted public keys")
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) != 1 {
					return usagef("one KEY is wanted; `gwe keys list` shows them")
				}
				armoured, err := bundle.ExportKey(*keyring, operands[0])
				if err != nil {
					return err
				}
				_, err = console.stdout.Write(armoured)
				return err
			}
		},
	}
}

func showKeys(console *console, keyring string, keys []bundle.Key) error {
	if console.global.output == "json" {
		encoder := json.NewEncoder(console.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(keys)
	}
	if len(keys) == 0 {
		_, err := fmt.Fprintf(console.stdout, "no keys in %s\n", keyring)
		return err
	}
	table := tabwriter.NewWriter(console.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FINGERPRINT\tKIND\tEXPIRES\tSTATE\tUSER")
	for _, key := range keys {
		expires := "never"
		if !key.Expires.IsZero() {
			expires = key.Expires.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", key.Fingerprint, key.Algorithm, expires, key.State, printable(key.UserID))
	}
	return table.Flush()
}

// printable keeps what strangers wrote into their keys from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
