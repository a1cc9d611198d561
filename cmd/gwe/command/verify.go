package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// defaultKeyring is where devices keep the keys that they trust.
const defaultKeyring = "/etc/gwe/keys"

func verifyCommand() command {
	return command{
		name:     "verify",
		operands: "PACKAGE",
		offers:   first(anyFile),
		summary:  "tell whether a package's signature is to be trusted",
		help: `
The whole package is read, as an installation would read it, and nothing is unpacked. Trusted are the keys in the
keyring, a directory of public keys or a GnuPG home; with --signed-by, only those named. The exit code is 6 where the
package is unsigned, signed by a stranger, or by a key that has expired or was revoked, or was changed or cut short.

If the package has an index, the package is read once more, and gwe proves that both describe the same tree. Then it tells what the
package holds, and with --base what an update from that release would link, write and fetch.

A key that does not expire needs no clock. With --clock untrusted this machine's clock decides nothing: a key that
expires counts where it was alive on the day that the signature names. See docs/packages.md for what that costs.

example:
  gwe verify firmware-2.tar.zst.gpg --keyring keys
  gwe verify firmware-2.tar.zst.gpg --keyring keys --base /opt/firmware/current
  gwe verify firmware-2.tar.gz --signature firmware-2.tar.gz.sig --keyring ~/.gnupg`,
		setUp: func(flags *pflag.FlagSet) action {
			var policy bundle.Policy
			var passphrase passphraseFlags
			flags.StringVar(&policy.Keyring, "keyring", defaultKeyring, "`directory` of trusted public keys")
			flags.StringArrayVar(&policy.SignedBy, "signed-by", nil, "`fingerprint` of a key whose signature counts; may be repeated")
			flags.StringVar(&policy.Signature, "signature", "", "`file` with a detached signature")
			flags.StringVar(&policy.DecryptKey, "decrypt-key", "", "`file` with the secret key of an encrypted package")
			base := flags.String("base", "", "`release` from which the package would update")
			clock := flags.String("clock", string(bundle.ClockTrusted), "whether this machine's clock decides that a key has expired: trusted or `untrusted`")
			accepts(flags, "clock", "trusted", "untrusted")
			passphrase.declare(flags)
			return func(ctx context.Context, console *console, operands []string) error {
				if len(operands) != 1 {
					return usagef("one PACKAGE is wanted")
				}
				policy.Clock = bundle.Clock(*clock)
				if policy.Clock != bundle.ClockTrusted && policy.Clock != bundle.ClockUntrusted {
					return usagef("--clock is trusted or untrusted, not %q", *clock)
				}
				return verify(ctx, console, operands[0], policy, passphrase, *base)
			}
		},
	}
}

func verify(ctx context.Context, console *console, path string, policy bundle.Policy, passphrase passphraseFlags, base string) error {
	var err error
	if policy.Passphrase, err = passphrase.given(ctx); err != nil {
		return err
	}
	if policy.Passphrase.IsZero() && policy.DecryptKey != "" && canAsk(console) {
		// What is wrong with the file otherwise, the work itself tells.
		if locked, err := bundle.KeyIsLocked(policy.DecryptKey); err == nil && locked {
			if policy.Passphrase, err = ask(ctx, "Passphrase of "+policy.DecryptKey+": "); err != nil {
				return err
			}
		}
	}
	opened, err := bundle.Open(ctx, path)
	if err != nil {
		return err
	}
	defer opened.Close()
	// On a terminal the progress is drawn until the end.
	var warnings []string
	policy.Warn = func(text string) { warnings = append(warnings, text) }
	var verified *bundle.Verified
	var held *contents
	err = onTerminal(console, "verify", "Verify "+path, func(log *tasklog.Task) (err error) {
		progress := func(current, total int64) { log.Progress(current, total, "bytes") }
		if verified, err = opened.Verify(ctx, policy, progress); err != nil {
			return err
		}
		policy.Warn = nil
		held, err = proveIndex(ctx, opened, verified, policy, base, progress)
		return err
	})
	warn(console, warnings...)
	if err != nil {
		return err
	}
	return showVerified(console, verified, held)
}

// proveIndex makes sure that a package and its index describe the same tree, and tells what it holds; nil
// is a package without an index.
func proveIndex(ctx context.Context, opened *bundle.Package, verified *bundle.Verified, policy bundle.Policy, base string, progress func(current, total int64)) (*contents, error) {
	indexed, err := opened.Indexed(ctx, policy)
	if err != nil {
		return nil, err
	}
	if indexed == nil {
		if base != "" {
			return nil, noIndex(verified.Name)
		}
		return nil, nil
	}
	defer indexed.Close()
	if err := indexed.Prove(ctx, verified, progress); err != nil {
		return nil, err
	}
	return contentsOf(ctx, indexed, base)
}

func showVerified(console *console, verified *bundle.Verified, held *contents) error {
	signer := verified.Signer
	signed := signer.SignedAt.UTC().Format(time.RFC3339)
	if console.global.output == "json" {
		told := map[string]any{
			"name": verified.Name, "size": verified.Size(), "signer": signer.Fingerprint,
			"signer_name": signer.UserID, "signed_at": signed,
		}
		if held != nil {
			told["index"] = held
		}
		return writeJSON(console.stdout, told)
	}
	_, err := fmt.Fprintf(console.stdout, "%s: the signature is good\n  signed by  %s\n             %s\n  signed on  %s\n  size       %s\n",
		verified.Name, printable(signer.UserID), signer.Fingerprint, signed, sizeText(verified.Size()))
	if err != nil || held == nil {
		return err
	}
	return held.show(console.stdout)
}

// warn tells what a person should know although the work continues.
func warn(console *console, texts ...string) {
	for _, text := range texts {
		fmt.Fprintln(console.stderr, "gwe: warning: "+printable(text))
	}
}

// sizeText is a size for people.
func sizeText(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f MiB (%d bytes)", float64(bytes)/(1<<20), bytes)
}
