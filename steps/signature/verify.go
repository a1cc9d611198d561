package signature

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Verify is the step type verify.
func Verify() step.Type {
	return step.New(step.About{
		Name:    "verify",
		Summary: "Verify the signature of a package",
		Doc:     verifyDoc,
		Example: "verify:\n  package: /var/cache/firmware-2.tar.zst.gpg\n  keyring: /etc/gwe/keys\n",
	}, verify{})
}

const verifyDoc = `The whole package is read. Its signature is good when a key of the keyring made it over exactly this content, and that key
is neither expired nor revoked nor too weak today. With signed-by, only the keys named there count. Nothing may follow the
signed message. A package that is not signed, or signed by anybody else, is refused. A file of the keyring that cannot be
read takes nothing from the others; a warning names it.

A key that does not expire needs no clock: a signature or a key that is dated after the machine's clock is good, and a warning
says that the clock is behind. A key that expires counts until the later of the clock and the signature's date has passed its
end; with a clock that is older than the key itself it is refused. With clock: untrusted the clock decides nothing, and the
signature's date alone is the time. Revocations count at any time. docs/packages.md says what an attacker gains by a wrong clock.

The signature is in the package (gpg --sign, gwe pack), or in a file of its own (gpg --detach-sign): the one that signature
names, or the one beside the package that has its name and .sig or .asc.

Nothing is unpacked and nothing is kept: unpack verifies again what it unpacks. This step is for archives that an extract step
extracts, for packages that something else installs, and for a decision before the first effect. The output voucher, handed on to
extract, says whose signature was found good and over which content: what has changed since is refused there.`

// verifyArguments are what a recipe gives.
type verifyArguments struct {
	Package    value.Path   `name:"package" required:"true" help:"the signed package, .tar.zst.gpg or .tar.gz.gpg, or any file with a detached signature"`
	Keyring    value.Path   `name:"keyring" required:"true" help:"directory of trusted OpenPGP keys"`
	SignedBy   []string     `name:"signed-by" help:"fingerprints of the keys whose signature counts; all keys of the keyring where empty"`
	DecryptKey value.Path   `name:"decrypt-key" help:"exported secret key, mode 0600, for an encrypted package"`
	Passphrase value.Secret `name:"passphrase" help:"passphrase of the decrypt-key"`
	Signature  value.Path   `name:"signature" help:"detached signature; else it is in the package, or beside it as .sig or .asc"`
	Clock      string       `name:"clock" enum:"trusted,untrusted" default:"trusted" help:"whether the machine's clock decides that a key has expired; untrusted takes the date of the signature for the time"`
}

// verifyOutputs are what later steps may read.
type verifyOutputs struct {
	Name       string     `name:"name" help:"the package's file name without the suffixes of the format"`
	Size       value.Size `name:"size" help:"the package's size"`
	Signer     string     `name:"signer" help:"the fingerprint of the key that signed it"`
	SignerName string     `name:"signer_name" help:"the user id of that key"`
	Voucher    string     `name:"voucher" help:"who vouches for which content, for verified of an extract step: openpgp:FINGERPRINT:sha256:DIGEST"`
	SignedAt   string     `name:"signed_at" help:"when it was signed, by its own word, as 2006-01-02T15:04:05Z"`
}

type verify struct{}

// Plan makes sure that the files are there and the keyring is not empty; whether the signature is good, it
// leaves to Do.
func (verify) Plan(ctx context.Context, machine step.Machine, arguments verifyArguments) (step.Plan, error) {
	files := []struct{ code, path string }{
		{"package", string(arguments.Package)},
		{"signature", string(arguments.Signature)},
		{"package-decrypt-key", string(arguments.DecryptKey)},
	}
	for _, file := range files {
		if file.path == "" {
			continue
		}
		if err := isFile(machine, file.code, file.path); err != nil {
			return step.Plan{}, err
		}
	}
	ring, err := bundle.LoadKeyringFrom(machine, string(arguments.Keyring))
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{Do: []string{
		fmt.Sprintf("verify %s with the %s in %s", arguments.Package, counted(len(ring.Keys())), arguments.Keyring),
	}}
	for _, text := range ring.Warnings() {
		plan.Do = append(plan.Do, "warning: "+text)
	}
	if info, err := machine.Stat(string(arguments.Package)); err == nil {
		plan.Reads = info.Size()
	}
	return plan, nil
}

func isFile(machine step.Machine, code, path string) error {
	info, err := machine.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Refused, code+"-missing", "there is no file %s", path).
			WithHint("see that the path is right, and that what it lies on is mounted")
	case err != nil:
		return fault.New(fault.Refused, code+"-unreadable", "cannot read %s", path).WithCause(err).
			WithHint("let the user who runs gwe read it")
	case !info.Mode().IsRegular():
		return fault.New(fault.Refused, code+"-not-a-file", "%s is not a regular file", path).
			WithHint("name the file itself; what comes through a pipe has to be stored first")
	}
	return nil
}

func counted(keys int) string {
	if keys == 1 {
		return "one key"
	}
	return fmt.Sprintf("%d keys", keys)
}

// Prepare has nothing to keep.
func (verify) Prepare(ctx context.Context, run *step.Run, arguments verifyArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

// Do reads the package.
func (verify) Do(ctx context.Context, run *step.Run, arguments verifyArguments, _ step.Nothing) (verifyOutputs, error) {
	opened, err := bundle.Open(ctx, string(arguments.Package))
	if err != nil {
		return verifyOutputs{}, err
	}
	defer opened.Close()
	verified, err := opened.Verify(ctx, bundle.Policy{
		Keyring:    string(arguments.Keyring),
		SignedBy:   arguments.SignedBy,
		DecryptKey: string(arguments.DecryptKey),
		Passphrase: arguments.Passphrase,
		Signature:  string(arguments.Signature),
		Clock:      bundle.Clock(arguments.Clock),
		Warn:       run.Log.Warn,
		Digest:     true,
	}, func(current, total int64) { run.Log.Progress(current, total, "bytes") })
	if err != nil {
		return verifyOutputs{}, err
	}
	signer := verified.Signer
	run.Log.Info(fmt.Sprintf("signed by %s %s", signer.Fingerprint, signer.UserID))
	return verifyOutputs{
		Name:       verified.Name,
		Size:       value.SizeOf(verified.Size()),
		Signer:     signer.Fingerprint,
		SignerName: signer.UserID,
		Voucher:    bundle.Voucher{Signer: signer.Fingerprint, Digest: verified.Digest}.String(),
		SignedAt:   signer.SignedAt.UTC().Format(time.RFC3339),
	}, nil
}

// Undo has nothing to restore.
func (verify) Undo(context.Context, *step.Run, verifyArguments, step.Nothing) error { return nil }
