package archive

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/server"
)

// Unpack is the step type unpack.
func Unpack() step.Type {
	return step.New(step.About{
		Name:     "unpack",
		Summary:  "Verify a signed package and unpack it beside the running release",
		Doc:      unpackDoc,
		Example:  "unpack:\n  package: /var/cache/firmware-2.tar.zst.gpg\n  keyring: /etc/gwe/keys\n  into: /opt/firmware\n  link-dest: /opt/firmware/current\n",
		Fresh:    true,
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "into"}},
		Undo:     "removes the new release",
		UndoData: 2, // its notes have their digests in them
	}, unpack{})
}

const unpackDoc = `The package is read twice over one descriptor. The first pass verifies the signature; only when it is good does the
second decrypt, decompress and extract, and it takes nothing that the first has not seen. What makes a signature good, and
what clock: untrusted means, verify says. A package is one top-level
directory. The directory gets its own name in into, or that name with -1, -2, ... where it is taken; current and failsafe are
no names for a release. It has that name only when all of it is on the disk.

With link-dest, a package that has an index is unpacked by it, and the package is not read whole. The signature of the index is verified
instead. Only the parts of the package are read that hold what the release of link-dest does not have, and each is checked against the
index before it is decoded. A file of link-dest is known by the identity that gwe recorded when it installed that release (device, inode, size,
modification and change time), or by its digest where that does not fit; with verify-base: content always by its digest. One that was
changed in place is never linked. Parts of a large file that have not changed are copied from link-dest.

package may be an http or https address. With link-dest, gwe fetches the package's index, and then, by ranges, only the parts that the
release of link-dest does not have, in pieces of at most 4 MiB. It fetches the whole package where the server gives no ranges, most of
the package is needed, there is no index or no release yet, strip, signature, sha256 or sha512 is given, or parts come damaged again and again. What is fetched whole is
at most 4GiB long, or max-size where that is more; an interrupted download is resumed, and removed when it was installed or refused. Parts are not kept: an
interrupted update fetches them again. With cache: true and sha256 or sha512 the whole package is taken from the cache, verified, or downloaded and
kept there. Nothing is trusted because it came by TLS: the signature of the index or of the package decides. Mirrors,
credentials, pauses and limits are those of download, and so are their arguments. They mean nothing where package is a file.

A file whose content, mode, owner, modification time and extended attributes equal those of the same path in link-dest becomes a
hard link to it and takes no space. Whoever writes to such a file in place changes both releases. So name files that are written in
place in copy, or in the package's own .gwe/copy (one pattern a line): these are always copied. Linked files that changed
before the commit fail the run.

Patterns match as in a shell: *, ? and [a-z]. One without a slash names files and directories of that name anywhere, one with
a slash is a path from the top of the release, and one that names a directory names all that is in it. include and exclude choose
what is unpacked; exclude wins.

Modes (setuid and setgid too), times to the nanosecond, symbolic links, hard links within the package, the extended attributes
that gwe pack or tar --xattrs has stored and, for root, numeric owners are restored. Capabilities, IMA signatures and what else is
root's is restored for root; without root, a warning names it. Access control lists are not restored, with a warning. Refused are
names with .. in them, absolute names, names that are there twice, devices, FIFOs, hard links to anything outside the package, and, unless links is any,
symbolic links that lead out of the release.

Undo removes what was unpacked, and nothing else. Before the commit what programs wrote into the new release goes with it. What came into
it after the commit or was changed since, a rollback by hand (gwe rollback) moves to .NAME.kept-RUN beside it.`

// unpackArguments are what a recipe gives.
type unpackArguments struct {
	Package    value.Location `name:"package" required:"true" secrets:"true" help:"the signed package, .tar.zst.gpg or .tar.gz.gpg, or an archive with a detached signature: its file, or its http or https address"`
	Keyring    value.Path     `name:"keyring" required:"true" help:"directory of trusted OpenPGP keys"`
	Into       value.Path     `name:"into" required:"true" help:"directory that holds the releases; if only itself is missing it is made, with the mode 0755 whatever the umask"`
	LinkDest   value.Path     `name:"link-dest" help:"release whose equal files are linked instead of copied, or a link to it; it may be missing"`
	SignedBy   []string       `name:"signed-by" help:"fingerprints of the keys whose signature counts; all keys of the keyring where empty"`
	DecryptKey value.Path     `name:"decrypt-key" help:"exported secret key, mode 0600, for an encrypted package"`
	Passphrase value.Secret   `name:"passphrase" help:"passphrase of the decrypt-key"`
	Signature  value.Path     `name:"signature" help:"detached signature; else it is in the package, or beside it as .sig or .asc"`
	Clock      string         `name:"clock" enum:"trusted,untrusted" default:"trusted" help:"whether the machine's clock decides that a key has expired; untrusted takes the date of the signature for the time"`
	Copy       []string       `name:"copy" help:"patterns of the files that are never linked, because something writes to them in place"`
	Strip      int            `name:"strip" help:"how many leading parts of each path in the top-level directory are left out too, as tar --strip-components has it"`
	Include    []string       `name:"include" help:"patterns of what is unpacked; all where empty"`
	Exclude    []string       `name:"exclude" help:"patterns of what is not unpacked, though include names it"`
	VerifyBase string         `name:"verify-base" enum:"identity,content" default:"identity" help:"how unpack knows that a file of link-dest is unchanged, for a package with an index: by the identity that gwe recorded when it installed that release, and by its digest where that does not fit; or always by its digest"`
	Links      string         `name:"links" enum:"inside,any" default:"inside" help:"whether symbolic links may lead out of the release"`
	MaxSize    *value.Size    `name:"max-size" help:"most bytes that the package may unpack to; else 1GiB or 64 times its own size, whichever is more"`
	SHA256     string         `name:"sha256" pattern:"[0-9a-fA-F]{64}" help:"the digest that a package of a server must have, in hex digits; it is fetched whole then"`
	SHA512     string         `name:"sha512" pattern:"[0-9a-fA-F]{128}" help:"the same with SHA-512"`

	server.Arguments
	server.CacheArguments
}

// unpackOutputs are what later steps may read.
type unpackOutputs struct {
	Path   value.Path `name:"path" help:"the new release's directory, absolute"`
	Name   string     `name:"name" help:"the new release's name in into"`
	Files  int        `name:"files" help:"how many files and links were unpacked"`
	Linked int        `name:"linked" help:"how many of them are hard links to the running release's"`
	Bytes  value.Size `name:"bytes" help:"the sum of the files' sizes"`
	Signer string     `name:"signer" help:"the fingerprint of the key that signed the package"`
}

type unpack struct{}

// job takes the arguments as what both types do.
func (a unpackArguments) job() (job, error) {
	into, err := absolute(a.Into)
	return job{
		source: a.file(), directory: into, linkDest: a.LinkDest, links: a.Links, maxSize: a.MaxSize,
		copies: a.Copy, strip: a.Strip, include: a.Include, exclude: a.Exclude,
		verifyBase: a.VerifyBase,
	}, err
}

// Plan looks whether the package and the directories are there.
func (unpack) Plan(ctx context.Context, machine step.Machine, arguments unpackArguments) (step.Plan, error) {
	j, err := arguments.job()
	if err != nil {
		return step.Plan{}, err
	}
	size, err := j.look(machine)
	if err != nil {
		return step.Plan{}, err
	}
	what := fmt.Sprintf("%s (%s)", arguments.Package, value.SizeOf(size))
	if arguments.Package.Remote() {
		if _, _, err := arguments.server(ctx); err != nil {
			return step.Plan{}, err
		}
		what = arguments.shown()
	}
	plan := step.Plan{
		Do: []string{
			fmt.Sprintf("verify %s with the keys in %s", what, arguments.Keyring),
			fmt.Sprintf("unpack it into %s, under its own name or the next free one", j.directory),
		},
		Undo:  []string{fmt.Sprintf("remove the new release from %s", j.directory)},
		Reads: 2 * size, // once to verify, once to unpack
	}
	ring, err := bundle.LoadKeyringFrom(machine, string(arguments.Keyring))
	if err != nil {
		return step.Plan{}, err
	}
	for _, text := range ring.Warnings() {
		plan.Do = append(plan.Do, "warning: "+text)
	}
	if plan, err = j.planLinks(machine, plan, size); err != nil {
		return step.Plan{}, err
	}
	if arguments.Package.Remote() {
		return arguments.planServer(machine, j, plan)
	}
	return j.planIndex(ctx, machine, arguments, plan), nil
}

// Prepare chooses the staging name, and makes sure of what can be made sure of before anything is done.
func (unpack) Prepare(ctx context.Context, run *step.Run, arguments unpackArguments) (memo, error) {
	j, err := arguments.job()
	if err != nil {
		return memo{}, err
	}
	if arguments.Package.Remote() {
		if _, _, err := arguments.server(ctx); err != nil {
			return memo{}, err
		}
	}
	return j.prepare(ctx, run)
}

// Do verifies, extracts into the staging directory, waits until all is on the disk, and gives the release its
// name.
func (unpack) Do(ctx context.Context, run *step.Run, arguments unpackArguments, m memo) (unpackOutputs, error) {
	j, err := arguments.job()
	if err != nil {
		return unpackOutputs{}, err
	}
	if err := ctx.Err(); err != nil {
		return unpackOutputs{}, err
	}
	if arguments.Package.Remote() {
		return arguments.fromServer(ctx, run, j, m)
	}
	opened, err := bundle.Open(ctx, j.source)
	if err != nil {
		return unpackOutputs{}, err
	}
	defer opened.Close()
	return arguments.install(ctx, run, j, m, opened)
}

// install unpacks an open package: by its index, or as a whole.
func (a unpackArguments) install(ctx context.Context, run *step.Run, j job, m memo, opened *bundle.Package) (unpackOutputs, error) {
	var signer bundle.Signer
	var from source
	byIndex, err := openIndex(ctx, run, a, opened.Indexed)
	switch {
	case err != nil:
		return unpackOutputs{}, err
	case byIndex != nil:
		defer byIndex.Close()
		signer, from = byIndex.Signer, &indexed{Indexed: byIndex}
	default:
		verified, err := verify(ctx, run, a, opened)
		if err != nil {
			return unpackOutputs{}, err
		}
		signer, from = verified.Signer, streamed{&verified.Pinned}
	}
	release, err := j.make(ctx, run, m, from)
	if err != nil {
		return unpackOutputs{}, err
	}
	return outputsOf(release, signer), nil
}

func outputsOf(release unpacked, signer bundle.Signer) unpackOutputs {
	return unpackOutputs{
		Path: value.Path(release.path), Name: filepath.Base(release.path),
		Files: release.files, Linked: release.linked, Bytes: value.SizeOf(release.bytes),
		Signer: signer.Fingerprint,
	}
}

// policy says whose packages are accepted.
func (a unpackArguments) policy(warn func(text string)) bundle.Policy {
	return bundle.Policy{
		Keyring: string(a.Keyring), SignedBy: a.SignedBy,
		DecryptKey: string(a.DecryptKey), Passphrase: a.Passphrase, Signature: string(a.Signature),
		Clock: bundle.Clock(a.Clock), Warn: warn,
	}
}

// openIndex verifies the index of a package, which open opens. It is nil where the package is to be read
// whole: it has no index, or the recipe names no release to link to.
func openIndex(ctx context.Context, run *step.Run, arguments unpackArguments, open func(context.Context, bundle.Policy) (*bundle.Indexed, error)) (*bundle.Indexed, error) {
	if arguments.LinkDest == "" {
		return nil, nil
	}
	var warnings []string
	found, err := open(ctx, arguments.policy(func(text string) { warnings = append(warnings, text) }))
	if err != nil || found == nil {
		return nil, err // without an index, verify says what is to be said
	}
	task := run.Log.Begin("task", "Verify the signature of the index of "+arguments.name())
	for _, text := range warnings {
		task.Warn(text)
	}
	task.Done("signed by " + found.Signer.Fingerprint)
	return found, nil
}

// verify is the first pass.
func verify(ctx context.Context, run *step.Run, arguments unpackArguments, opened *bundle.Package) (*bundle.Verified, error) {
	task := run.Log.Begin("task", "Verify the signature of "+arguments.name())
	verified, err := opened.Verify(ctx, arguments.policy(task.Warn), func(current, total int64) { task.Progress(current, total, "bytes") })
	if err != nil {
		task.Fail(err)
		return nil, err
	}
	task.Done("signed by " + verified.Signer.Fingerprint)
	return verified, nil
}

// Sync has nothing left to do: content and name were made durable in their order by Do.
func (unpack) Sync(context.Context, *step.Run, unpackArguments, memo) error { return nil }

// Undo removes the release, or what there is of it.
func (unpack) Undo(ctx context.Context, run *step.Run, arguments unpackArguments, m memo) error {
	j, err := arguments.job()
	if err != nil {
		return err
	}
	return j.undo(ctx, run, m)
}

// Inspect refuses a rollback while something is mounted in the release.
func (unpack) Inspect(_ context.Context, run *step.Run, arguments unpackArguments, m memo) error {
	j, err := arguments.job()
	if err != nil {
		return err
	}
	return j.inspect(run, m)
}

// Touches is the release alone: others in the directory are not this step's.
func (unpack) Touches(run *step.Run, arguments unpackArguments, _ memo) ([]string, error) {
	noted, known, err := notedIdentity(run.Directory)
	if err != nil || !known {
		return nil, err
	}
	into, err := absolute(arguments.Into)
	return []string{filepath.Join(into, noted.Name)}, err
}

// Keeps foresees what a manual rollback would move aside.
func (unpack) Keeps(ctx context.Context, run *step.Run, arguments unpackArguments, m memo) (step.Keeping, error) {
	j, err := arguments.job()
	if err != nil {
		return step.Keeping{}, err
	}
	return j.keeps(ctx, run, m)
}

// Verify makes sure, just before the commit, that no file shared with the running release was written to in
// place.
func (unpack) Verify(ctx context.Context, run *step.Run, arguments unpackArguments, m memo) error {
	j, err := arguments.job()
	if err != nil {
		return err
	}
	return j.verify(ctx, run, m)
}
