package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Unpack is the step type unpack.
func Unpack() step.Type {
	return step.New(step.About{
		Name:    "unpack",
		Summary: "Verify a signed package and unpack it beside the running release",
		Doc:     unpackDoc,
		Example: "unpack:\n  package: /var/cache/firmware-2.tar.zst.gpg\n  keyring: /etc/gwe/keys\n  into: /opt/firmware\n  link-dest: /opt/firmware/current\n",
		Effects: []step.Effect{{Kind: step.Writes, Argument: "into"}},
		Undo:    "removes the new release",
	}, unpack{})
}

const unpackDoc = `The package is read twice over one descriptor. The first pass verifies the signature; only when it is good does the
second decrypt, decompress and extract, and it takes nothing that the first has not seen. A package is one top-level
folder. The folder gets its own name in into, or that name with -1, -2, ... where it is taken; current and failsafe are
no names for a release. It has that name only when all of it is on the disk.

A file whose content, mode, owner and modification time equal those of the same path in link-dest becomes a hard link to it
and takes no space. Whoever writes to such a file in place changes both releases. So name files that are written in
place in copy, or in the package's own .gwe/copy (one pattern a line): these are always copied. Linked files that changed
before the commit fail the run.

Patterns match as in a shell: *, ? and [a-z]. One without a slash names files and folders of that name anywhere, one with
a slash is a path from the top of the release, and one that names a folder names all that is in it.

Modes (setuid and setgid too), times to the nanosecond, symbolic links, hard links within the package and, for root,
numeric owners are restored; extended attributes and file capabilities are not. Refused are names with .. in them, absolute
names, names that are there twice, devices, FIFOs, hard links to anything outside the package, and, unless links is any,
symbolic links that lead out of the release.

Undo removes what was unpacked, and nothing else.`

// unpackArguments are what a recipe gives.
type unpackArguments struct {
	Package    value.Path   `name:"package" required:"true" help:"the signed package, .tar.zst.gpg or .tar.gz.gpg"`
	Keyring    value.Path   `name:"keyring" required:"true" help:"folder of trusted OpenPGP keys"`
	Into       value.Path   `name:"into" required:"true" help:"folder that holds the releases; it is made where only itself is missing"`
	LinkDest   value.Path   `name:"link-dest" help:"release whose equal files are linked instead of copied, or a link to it; it may be missing"`
	SignedBy   []string     `name:"signed-by" help:"fingerprints of the keys whose signature counts; all keys of the keyring where empty"`
	DecryptKey value.Path   `name:"decrypt-key" help:"exported secret key, mode 0600, for an encrypted package"`
	Passphrase value.Secret `name:"passphrase" help:"passphrase of the decrypt-key"`
	Signature  value.Path   `name:"signature" help:"detached signature; else it is in the package, or beside it as .sig or .asc"`
	Copy       []string     `name:"copy" help:"patterns of the files that are never linked, because something writes to them in place"`
	Links      string       `name:"links" enum:"inside,any" default:"inside" help:"whether symbolic links may lead out of the release"`
	MaxSize    *value.Size  `name:"max-size" help:"most bytes that the package may unpack to; else 1GiB or 64 times its own size, whichever is more"`
}

// unpackMemo is what undo needs.
type unpackMemo struct {
	// Staging is the name in into under which the release is filled, and under which it is removed.
	Staging string `json:"staging"`
	// Created tells that into did not exist.
	Created bool `json:"created,omitempty"`
	// Beside is the running release, "" where there is none.
	Beside string `json:"beside,omitempty"`
}

// unpackOutputs are what later steps may read.
type unpackOutputs struct {
	Path   value.Path `name:"path" help:"the new release's folder, absolute"`
	Name   string     `name:"name" help:"the new release's name in into"`
	Files  int        `name:"files" help:"how many files and links were unpacked"`
	Linked int        `name:"linked" help:"how many of them are hard links to the running release's"`
	Bytes  value.Size `name:"bytes" help:"the sum of the files' sizes"`
	Signer string     `name:"signer" help:"the fingerprint of the key that signed the package"`
}

// The package's own size is no measure of what it unpacks to. These are far above real firmware, and far below a
// decompression bomb.
const (
	smallestLimit = 1 << 30
	expansion     = 64
)

type unpack struct{}

// Plan looks whether the package and the folders are there.
func (unpack) Plan(ctx context.Context, machine step.Machine, arguments unpackArguments) (step.Plan, error) {
	into, err := absolute(arguments.Into)
	if err != nil {
		return step.Plan{}, err
	}
	size, err := look(machine, arguments, into)
	if err != nil {
		return step.Plan{}, err
	}
	beside, err := besideOf(arguments)
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{
		Do: []string{
			fmt.Sprintf("verify %s (%s) with the keys in %s", arguments.Package, value.SizeOf(size), arguments.Keyring),
			fmt.Sprintf("unpack it into %s, under its own name or the next free one", into),
		},
		Undo:  []string{fmt.Sprintf("remove the new release from %s", into)},
		Reads: 2 * size, // once to verify, once to unpack
	}
	if beside == "" {
		// How much it will be is only known at the end; compressed, it is surely no more. With a release to link to, nearly
		// nothing may be needed.
		plan.Space, plan.Writes = map[string]int64{existing(machine, into): size}, size
		return plan, nil
	}
	plan.Do = append(plan.Do, fmt.Sprintf("link the files that equal those of %s", beside))
	return plan, nil
}

// Prepare chooses the staging name, and makes sure of what can be made sure of before anything is done.
func (unpack) Prepare(ctx context.Context, run *step.Run, arguments unpackArguments) (unpackMemo, error) {
	if err := ctx.Err(); err != nil {
		return unpackMemo{}, err
	}
	into, err := absolute(arguments.Into)
	if err != nil {
		return unpackMemo{}, err
	}
	if _, err := look(run.Machine, arguments, into); err != nil {
		return unpackMemo{}, err
	}
	if _, err := parsePatterns(arguments.Copy); err != nil {
		return unpackMemo{}, err
	}
	memo := unpackMemo{Staging: stagingName(run.ID)}
	if memo.Beside, err = besideOf(arguments); err != nil {
		return unpackMemo{}, err
	}
	nearest := existing(run.Machine, into)
	memo.Created = nearest != into
	if err := unix.Access(nearest, unix.W_OK|unix.X_OK); err != nil {
		return unpackMemo{}, fault.New(fault.Refused, "target-not-writable", "nothing can be written into %s", nearest).
			WithHint("run gwe as a user who may write there; see that its file system is mounted writable, and with lsattr -d that the folder is not immutable").WithCause(err)
	}
	return memo, nil
}

// stagingName is unique, and tells whose it is.
func stagingName(run string) string {
	var unique [6]byte
	_, _ = rand.Read(unique[:]) // never fails
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, run)
	return durable.Prefix + safe[:min(len(safe), 100)] + "-" + hex.EncodeToString(unique[:])
}

// look makes sure that the package is a file and into, where it exists, a folder; it gives the package's size.
func look(machine step.Machine, arguments unpackArguments, into string) (int64, error) {
	info, err := machine.Stat(string(arguments.Package))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fault.New(fault.Refused, "package-missing", "there is no package %s", arguments.Package).
			WithHint("see that the path is right, and that what it lies on is mounted")
	case err != nil:
		return 0, fault.New(fault.Refused, "package-unreadable", "the package %s cannot be read", arguments.Package).WithCause(err).
			WithHint("let the user who runs gwe read it")
	case !info.Mode().IsRegular():
		return 0, fault.New(fault.Refused, "package-not-a-file", "the package %s is no file", arguments.Package).
			WithHint("name the file itself; what comes through a pipe has to be stored first")
	}
	nearest, err := machine.Stat(existing(machine, into))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fault.New(fault.Refused, "target-missing", "there is neither %s nor the folder above it", into).
			WithHint("make it: mkdir -p %s", into)
	case err != nil:
		return 0, explain(err, "cannot look at %s", into)
	case !nearest.IsDir():
		return 0, fault.New(fault.Refused, "target-not-a-folder", "%s is no folder", existing(machine, into)).
			WithHint("`into` is the folder that holds the releases")
	}
	return info.Size(), nil
}

// existing gives into, or, where it has to be made, the folder above it.
func existing(machine step.Machine, into string) string {
	if _, err := machine.Lstat(into); errors.Is(err, fs.ErrNotExist) {
		return filepath.Dir(into)
	}
	return into
}

// besideOf resolves link-dest once: what it points to may change while the step works.
func besideOf(arguments unpackArguments) (string, error) {
	if arguments.LinkDest == "" {
		return "", nil
	}
	path, err := absolute(arguments.LinkDest)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fault.New(fault.Refused, "link-dest", "link-dest %s cannot be resolved", path).WithCause(err).
			WithHint("see where it leads with namei -l, and point it to the running release")
	}
	info, err := os.Stat(resolved)
	if err != nil || !info.IsDir() {
		return "", fault.New(fault.Refused, "link-dest", "link-dest %s is no folder", resolved).WithCause(err).
			WithHint("it is the running release, or a link to it")
	}
	return resolved, nil
}

func absolute(path value.Path) (string, error) {
	result, err := filepath.Abs(string(path))
	return result, explain(err, "cannot tell where %s is", path)
}
