package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Extract is the step type extract.
func Extract() step.Type {
	return step.New(step.About{
		Name:     "extract",
		Summary:  "Extract a tar or zip archive to a new directory",
		Doc:      extractDoc,
		Example:  "extract:\n  archive: /var/cache/app-2.tar.xz\n  unverified: allow\n  to: /opt/app/app-2\n  strip: 1\n  link-dest: /opt/app/current\n",
		Fresh:    true,
		Effects:  []step.Effect{{Kind: step.Writes, Argument: "to"}},
		Undo:     "removes the new directory",
		UndoData: 2, // its notes have their digests in them
		Choices:  []step.Choice{{Names: []string{"verified", "unverified"}}},
	}, extractStep{})
}

const extractDoc = `The archive is a tar, plain or compressed with gzip, zstd, xz or bzip2, or a zip; its content tells, not its name. A tar in a
signed OpenPGP message is taken too; an encrypted one is what unpack is for. The new directory is what tar -x -C TO makes in an
empty one, and has its name only when all of it is on the disk. Nothing but an empty directory may be there before.

A verify step above vouches for the archive: hand its output voucher on in verified. The archive is then read twice over one
descriptor: only when the first pass finds it to be what was verified is it looked at, and the second takes nothing that
the first has not seen. Without a verify step say unverified: allow. One of the two has to be there.

strip is tar's --strip-components: paths lose that many leading parts, and what lies above is left out. A leading "./" is a
part, as it is for tar: of an archive that tar -c . has made, strip: 1 takes nothing but that. The directory that is taken off gives the new one its mode, owner and time. include and exclude choose from what is left; exclude wins. Directories
above what is included are made as the archive has them. A pattern matches as in a shell: *, ? and [a-z]. One without a slash
names files and directories of that name anywhere, one with a slash is a path from the top of the new directory, and one that
names a directory names all that is in it.

A file whose content, mode, owner, modification time and extended attributes equal those of the same path in link-dest becomes a
hard link to it and takes no space. Whoever writes to such a file in place changes both. So name files that are written
in place in copy, or in the archive's own .gwe/copy (one pattern a line): these are always copied. Linked files that changed before
the commit fail the run.

Modes (setuid and setgid too), times to the nanosecond, symbolic links, hard links within the archive, holes, the extended attributes
that tar --xattrs has stored and, for root, numeric owners are restored; access control lists are not. A warning names what the
archive has and is not restored. Refused are names with .. in them, absolute names, names that are there
twice, devices, FIFOs, hard links to anything that is not extracted, encrypted entries, and, unless links is any, symbolic
links that lead out of the directory. A tar that programs read in different ways is refused with archive-ambiguous.

Of a zip, modes and links, the owners in any of Info-ZIP's extra fields and its times are restored; what DOS has as read-only gets no
write permission. Names are UTF-8 with the flag for it or with Info-ZIP's Unicode path; those of Unix programs are taken as they
are, those of others without either are code page 437.

Undo removes what was extracted, and nothing else. An empty directory that was there is back. Before the commit what programs wrote into the
new directory goes with it. What came into it after the commit or was changed since, a rollback by hand (gwe rollback) moves to
.NAME.kept-RUN beside it.`

// extractArguments are what a recipe gives.
type extractArguments struct {
	Archive    value.Path  `name:"archive" required:"true" help:"the archive: .tar, .tar.gz, .tar.zst, .tar.xz, .tar.bz2 or .zip"`
	To         value.Path  `name:"to" required:"true" help:"the new directory's own path; the directory it lies in must exist"`
	Verified   string      `name:"verified" help:"the output voucher of the verify step that vouches for the archive"`
	Unverified string      `name:"unverified" enum:"allow" help:"allow: extract an archive without a checked origin"`
	Strip      int         `name:"strip" help:"how many leading parts of each path are left out, as tar --strip-components has it: a leading ./ is one"`
	Include    []string    `name:"include" help:"patterns of what is extracted; all where empty"`
	Exclude    []string    `name:"exclude" help:"patterns of what is not extracted, though include names it"`
	LinkDest   value.Path  `name:"link-dest" help:"directory whose equal files are linked instead of copied, or a link to it; it may be missing"`
	Copy       []string    `name:"copy" help:"patterns of the files that are never linked, because something writes to them in place"`
	Links      string      `name:"links" enum:"inside,any" default:"inside" help:"whether symbolic links may lead out of the new directory"`
	MaxSize    *value.Size `name:"max-size" help:"most bytes that the archive may unpack to; else 1GiB or 64 times its own size, whichever is more"`
}

// extractOutputs are what later steps may read.
type extractOutputs struct {
	Path   value.Path `name:"path" help:"the new directory, absolute"`
	Name   string     `name:"name" help:"the new directory's name"`
	Files  int        `name:"files" help:"how many files and links were extracted"`
	Linked int        `name:"linked" help:"how many of them are hard links to files of link-dest"`
	Bytes  value.Size `name:"bytes" help:"the sum of the files' sizes"`
}

type extractStep struct{}

// job takes the arguments as what both types do.
func (a extractArguments) job() (job, error) {
	to, err := absolute(a.To)
	if name := filepath.Base(to); err == nil && (name == "/" || strings.HasPrefix(name, durable.Prefix)) {
		err = fault.New(fault.Refused, "target-name", "%s is not a path for a new directory", to).
			WithHint("name one in an existing directory; names that start with %s are gwe's own", durable.Prefix)
	}
	return job{
		source: string(a.Archive), directory: filepath.Dir(to), name: filepath.Base(to), linkDest: a.LinkDest, links: a.Links, maxSize: a.MaxSize,
		copies: a.Copy, strip: a.Strip, include: a.Include, exclude: a.Exclude,
	}, err
}

// voucher reads who vouches for the archive; nobody gives nil.
func (a extractArguments) voucher() (*bundle.Voucher, error) {
	switch {
	case a.Verified == "" && a.Unverified == "":
		return nil, fault.New(fault.Refused, "archive-unverified", "no verify step vouches for %s", a.Archive).
			WithHint("verify it in a step above and write verified: ${{ steps.ID.voucher }}, or write unverified: allow")
	case a.Verified != "" && a.Unverified != "":
		return nil, fault.New(fault.Refused, "archive-unverified", "%s is said to be verified and unverified", a.Archive).
			WithHint("leave one of the two out")
	case a.Unverified != "":
		return nil, nil
	}
	voucher, ok := bundle.ParseVoucher(a.Verified)
	if !ok {
		return nil, fault.New(fault.Refused, "archive-unverified", "%q is not a voucher of a verify step", a.Verified).
			WithHint("write verified: ${{ steps.ID.voucher }}, with the id of the step that verifies the archive")
	}
	return &voucher, nil
}

// lookAt makes sure of all that can be seen without reading the archive, and gives its size.
func (extractStep) lookAt(machine step.Machine, arguments extractArguments) (j job, size int64, err error) {
	if j, err = arguments.job(); err != nil {
		return j, 0, err
	}
	if _, err = arguments.voucher(); err != nil {
		return j, 0, err
	}
	if size, err = j.look(machine); err != nil {
		return j, 0, err
	}
	if existing(machine, j.directory) != j.directory {
		return j, 0, fault.New(fault.Refused, "target-missing", "there is no directory %s", j.directory).WithHint("make it: mkdir -p %s", j.directory)
	}
	return j, size, free(machine, filepath.Join(j.directory, j.name))
}

// free makes sure that nothing but an empty directory is at the path.
func free(machine step.Machine, path string) error {
	info, err := machine.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err, "cannot look at %s", path)
	}
	if info.IsDir() {
		entries, err := machine.ReadDir(path)
		if err != nil {
			return explain(err, "cannot look into %s", path)
		}
		if len(entries) == 0 {
			return nil
		}
	}
	return fault.New(fault.Refused, "target-exists", "%s is there already", path).
		WithHint("extract to a new directory, then switch to it or move it; `to` is the directory that the archive becomes, not the one it lies in")
}

// Plan looks whether the archive and the directories are there.
func (e extractStep) Plan(ctx context.Context, machine step.Machine, arguments extractArguments) (step.Plan, error) {
	j, size, err := e.lookAt(machine, arguments)
	if err != nil {
		return step.Plan{}, err
	}
	trust, reads := "that a step above has verified", 2*size // once to compare, once to extract
	if arguments.Unverified != "" {
		trust, reads = "without a signature that anybody has verified", size
	}
	to := filepath.Join(j.directory, j.name)
	return j.planLinks(machine, step.Plan{
		Do:      []string{fmt.Sprintf("extract %s (%s), %s, to %s", arguments.Archive, value.SizeOf(size), trust, to)},
		Undo:    []string{fmt.Sprintf("remove %s", to)},
		Reads:   reads,
		Outputs: map[string]any{"path": to, "name": j.name},
	}, size)
}

// Prepare chooses the staging name, and makes sure of what can be made sure of before anything is done.
func (e extractStep) Prepare(ctx context.Context, run *step.Run, arguments extractArguments) (memo, error) {
	j, _, err := e.lookAt(run.Machine, arguments)
	if err != nil {
		return memo{}, err
	}
	m, err := j.prepare(ctx, run)
	if err != nil {
		return memo{}, err
	}
	to := filepath.Join(j.directory, j.name)
	dir, err := j.into(run, m)
	if err != nil {
		return memo{}, explain(err, "cannot open %s", j.directory)
	}
	defer dir.Close()
	found, err := identityAt(dir.Descriptor(), j.name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return memo{}, explain(err, "cannot look at %s", to)
	}
	if isMount(dir, j.name) {
		return memo{}, fault.New(fault.Refused, "target-exists", "%s is a mount point, which cannot be replaced by a new directory", to).
			WithHint("extract to a new directory in it")
	}
	m.Empty = &found
	return m, nil
}

func isMount(dir *openat.Dir, name string) bool {
	var status unix.Statx_t
	err := unix.Statx(dir.Descriptor(), name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &status)
	return err == nil && status.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// Do makes sure that the archive is the one that was verified, extracts it into the staging directory, waits
// until all is on the disk, and gives the directory its name.
func (extractStep) Do(ctx context.Context, run *step.Run, arguments extractArguments, m memo) (extractOutputs, error) {
	j, err := arguments.job()
	if err != nil {
		return extractOutputs{}, err
	}
	if err := ctx.Err(); err != nil {
		return extractOutputs{}, err
	}
	opened, err := bundle.Open(ctx, j.source)
	if err != nil {
		return extractOutputs{}, err
	}
	defer opened.Close()
	pinned, err := arguments.pin(ctx, run, opened)
	if err != nil {
		return extractOutputs{}, err
	}
	release, err := j.make(ctx, run, m, streamed{pinned})
	if found := fault.As(err); found != nil && found.Code == "package-decrypt-key-wanted" {
		err = found.WithHint("unpack it: that step verifies, decrypts and extracts an encrypted package in one pass")
	}
	if err != nil {
		return extractOutputs{}, err
	}
	return extractOutputs{
		Path: value.Path(release.path), Name: j.name, Files: release.files, Linked: release.linked, Bytes: value.SizeOf(release.bytes),
	}, nil
}

// pin is the first pass, where somebody vouches for the archive.
func (a extractArguments) pin(ctx context.Context, run *step.Run, opened *bundle.Package) (*bundle.Pinned, error) {
	voucher, err := a.voucher()
	if err != nil {
		return nil, err
	}
	if voucher == nil {
		return opened.Unpinned()
	}
	task := run.Log.Begin("task", "Compare "+filepath.Base(string(a.Archive))+" with what was verified")
	pinned, err := opened.Pin(ctx, *voucher, func(current, total int64) { task.Progress(current, total, "bytes") })
	if err != nil {
		task.Fail(err)
		return nil, err
	}
	task.Done("signed by " + voucher.Signer)
	return pinned, nil
}

// Sync has nothing left to do: content and name were made durable in their order by Do.
func (extractStep) Sync(context.Context, *step.Run, extractArguments, memo) error { return nil }

// Undo removes the directory, or what there is of it.
func (extractStep) Undo(ctx context.Context, run *step.Run, arguments extractArguments, m memo) error {
	j, err := arguments.job()
	if err != nil {
		return err
	}
	return j.undo(ctx, run, m)
}

// Inspect refuses a rollback while something is mounted in the directory.
func (extractStep) Inspect(_ context.Context, run *step.Run, arguments extractArguments, m memo) error {
	j, err := arguments.job()
	if err != nil {
		return err
	}
	return j.inspect(run, m)
}

// Keeps foresees what a manual rollback would move aside.
func (extractStep) Keeps(ctx context.Context, run *step.Run, arguments extractArguments, m memo) (step.Keeping, error) {
	j, err := arguments.job()
	if err != nil {
		return step.Keeping{}, err
	}
	return j.keeps(ctx, run, m)
}

// Verify makes sure, just before the commit, that no file shared with that of link-dest was written to in
// place.
func (extractStep) Verify(ctx context.Context, run *step.Run, arguments extractArguments, m memo) error {
	j, err := arguments.job()
	if err != nil {
		return err
	}
	return j.verify(ctx, run, m)
}

// Release removes the empty directory that had the name before.
func (extractStep) Release(ctx context.Context, run *step.Run, arguments extractArguments, m memo) error {
	j, err := arguments.job()
	if err != nil || m.Empty == nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := j.into(run, m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err, "cannot open %s", j.directory)
	}
	defer dir.Close()
	if found, err := identityAt(dir.Descriptor(), m.Staging); err != nil || !found.sameDirectory(*m.Empty) {
		return nil
	}
	err = durable.Repeat(func() error { return unix.Unlinkat(dir.Descriptor(), m.Staging, unix.AT_REMOVEDIR) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err, "cannot remove the empty directory %s", dir.Join(m.Staging))
	}
	return durable.SyncDir(dir)
}
