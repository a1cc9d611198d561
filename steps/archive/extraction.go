package archive

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/steps/holdings"
)

// options are what an extraction is told.
type options struct {
	selection
	// oneTop wants all of the archive in one top-level directory, whose name is left out of the tree.
	oneTop bool
	// copies are the files that are never linked to the running release.
	copies patterns
	// anyLinks lets symbolic links lead out of the release.
	anyLinks bool
	// limit is the most bytes that the archive may unpack to: the files' sizes, and apart from that the
	// stream's length.
	limit int64
	// beside is the handle of the running release's directory, or -1.
	beside int
	// shares is where the files that became hard links are recorded; it is needed with beside.
	shares *sharedList
	// sums is where the digests of the files that were written are recorded; it may be nil.
	sums *made.Sums
	// held is what the running release is known to hold, and checks takes the CRCs of files; both are for an
	// extraction by an index, and may be nil.
	held   *holdings.Reader
	checks *checks
	// here is told after each piece of work, for the progress.
	here func()
}

// summary is what an extraction has made.
type summary struct {
	// top is the name of the archive's top-level directory.
	top string
	// files counts the names that are no directories; linked counts those that share the running release's
	// file.
	files, linked int
	// bytes is the sum of the files' sizes.
	bytes int64
	// left are the kinds of attributes that the archive has and that were not restored.
	left []leftOut
}

// errLateCopies tells that the archive's own list of files to copy came after files that were linked: the
// extraction begins again, with that list.
var errLateCopies = errors.New("the list of files to copy came late")

// extraction is one pass of a tar stream into an empty directory.
type extraction struct {
	options
	summary
	target string
	into   *cursor
	old    *cursor
	owners bool
	uid    int
	gid    int
	began  unix.Timespec
	// root is what the top-level directory gets at the end; listed tells that the archive has an entry for
	// it.
	root   attributes
	listed bool
	// taken tells that something of the archive is in the tree; passed are the directories above the present
	// entry that are not, because the selection does not name them.
	taken  bool
	passed []passedDirectory
	// unlisted are the inodes of the directories that were made because an entry lies in them.
	unlisted map[uint64]struct{}
	// doubtful are symbolic links of which only the finished tree can tell whether they lead out.
	doubtful []string
	doubts   int
	buffer   []byte
	other    []byte
	// sum is the CRC of the file that was written last.
	sum uint32
}

// blockSize is how much of a file is read, compared and written at a time.
const blockSize = 256 << 10

// entries are those of an archive, one after the other.
type entries interface {
	// next gives an entry and its content, which is read before the next one, and io.EOF where the archive
	// ends as it should.
	next() (*tar.Header, io.Reader, error)
}

// extractTree unpacks an archive into an empty directory, which is open for reading, and private; target is
// what it lies in, for people. The directory gets the attributes of the directory that the archive has for
// it. With errLateCopies it gives the patterns to begin again with.
func extractTree(ctx context.Context, source entries, directory int, target string, wanted options) (summary, patterns, error) {
	began, err := unix.TimeToTimespec(time.Now())
	if err != nil {
		return summary{}, nil, fault.New(fault.Errored, "clock", "this machine's clock is beyond its range").WithCause(err)
	}
	x := &extraction{
		options: wanted, target: target,
		owners: os.Geteuid() == 0, uid: os.Geteuid(), gid: os.Getegid(), began: began,
		unlisted: map[uint64]struct{}{},
		buffer:   make([]byte, blockSize), other: make([]byte, blockSize),
	}
	x.root = x.implied()
	x.into = x.writer(directory)
	defer x.into.drop()
	if wanted.beside >= 0 {
		x.old = reader(wanted.beside)
		defer x.old.drop()
	}
	if err := x.all(ctx, source); err != nil {
		return x.summary, x.copies, err
	}
	if err := x.into.up(0); err != nil {
		return x.summary, nil, explain(err, "cannot finish a directory")
	}
	if err := x.leadInside(directory); err != nil {
		return x.summary, nil, err
	}
	err = x.root.apply(directory, target, x.owners)
	return x.summary, nil, explain(err, "cannot finish the directory")
}

// all extracts entry after entry.
func (x *extraction) all(ctx context.Context, source entries) error {
	found := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, content, err := source.next()
		if err == io.EOF { // itself: the cause of damage may be one too
			break
		}
		if err != nil {
			return damaged(err)
		}
		found = true
		if err := x.one(ctx, header, content); err != nil {
			return err
		}
		if x.here != nil {
			x.here()
		}
	}
	switch {
	case !found && !x.oneTop:
		return fault.New(fault.Failed, "archive-empty", "the archive is empty").WithHint("pack it again")
	case x.oneTop && x.top == "":
		return fault.New(fault.Failed, "archive-empty", "the archive holds no directory").WithHint("a package is one directory")
	case !x.taken:
		return fault.New(fault.Failed, "archive-empty", "the archive holds nothing that `strip`, `include` and `exclude` leave").
			WithHint("patterns with a slash are paths in the tree as it will be: without what strip takes off; strip counts a leading ./ too, as tar does")
	}
	return nil
}

// one extracts one entry.
func (x *extraction) one(ctx context.Context, header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return globalHeader(header)
	}
	e, inside, err := x.place(header)
	if err != nil {
		return err
	}
	if !inside {
		return x.heed(e, content)
	}
	wanted, err := x.attributesOf(e)
	if err != nil {
		return err
	}
	x.leavePassed(e)
	if !x.selects(e.parts) {
		return x.pass(e, wanted, content)
	}
	x.taken = true
	x.countLeft(header)
	if e.Typeflag == tar.TypeDir {
		return x.directory(e, wanted)
	}
	x.files++
	if e.path() == copyList && e.Typeflag != tar.TypeReg {
		return refuse(header, "copy-pattern", "the list of files to copy is a plain file")
	}
	switch e.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return x.file(ctx, e, wanted, content)
	case tar.TypeSymlink:
		return x.symlink(e, wanted)
	case tar.TypeLink:
		return x.hardLink(ctx, e)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return refuse(header, "archive-entry-type", "it is a device or a FIFO").
			WithHint("make such files in a hook of the release")
	default:
		return refuse(header, "archive-entry-type", "it is of the unknown type %q", header.Typeflag)
	}
}

// place tells where in the tree an entry belongs; inside is false where it is not of the tree.
func (x *extraction) place(header *tar.Header) (e entry, inside bool, err error) {
	if e, err = entryOf(header); err != nil {
		return e, false, err
	}
	isDirectory := e.Typeflag == tar.TypeDir
	if len(e.parts) == 0 && !isDirectory {
		return e, false, refuse(header, "archive-name", "it has no name")
	}
	if x.oneTop {
		if len(e.parts) == 0 {
			return e, false, nil // "./": tar was told to pack "."
		}
		if err := x.belongs(e); err != nil {
			return e, false, err
		}
		e.parts = e.parts[1:]
		if x.strip > 0 && e.path() == copyList {
			return e, false, nil // the package's list counts, wherever the tree begins
		}
	}
	if x.strip > 0 && strings.Contains(strings.Trim(e.Name, "/"), "//") {
		return e, false, refuse(header, "archive-ambiguous", "programs strip it in different ways: its path has an empty part").
			WithHint("pack it again with gwe pack or GNU tar, or leave strip out")
	}
	parts := x.counted(e.Name, e.parts)
	if len(parts) < x.strip || len(parts) == x.strip && x.strip > 0 && !isDirectory {
		return e, false, nil
	}
	e.parts = named(parts[x.strip:])
	if len(e.parts) == 0 && !isDirectory {
		return e, false, refuse(header, "archive-name", "strip leaves nothing of its name")
	}
	if err := checkOwn(e); err != nil {
		return e, false, err
	}
	return e, true, nil
}

// counted are the parts of a path that strip counts. A leading "./" is one, as it is for tar; in a package,
// strip counts below the one top-level directory.
func (x *extraction) counted(path string, parts []string) []string {
	if x.strip == 0 || x.oneTop {
		return parts
	}
	return slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "" })
}

// named are the parts of a path that are names.
func named(parts []string) []string {
	return slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "." })
}

// belongs makes sure that all entries lie in one top-level directory.
func (x *extraction) belongs(e entry) error {
	top := e.parts[0]
	if x.top == "" {
		if err := checkTop(e.Header, top); err != nil {
			return err
		}
		x.top = top
	}
	switch {
	case top != x.top:
		return refuse(e.Header, "archive-top-level", "a package is one directory, and this archive has %q beside it", x.top).
			WithHint("pack the directory that holds the release from outside: tar c -C PARENT NAME")
	case len(e.parts) == 1 && e.Typeflag != tar.TypeDir:
		return refuse(e.Header, "archive-top-level", "a package is one directory, and this is none").
			WithHint("pack the directory that holds the release from outside: tar c -C PARENT NAME")
	}
	return nil
}

// directory makes a directory. It stays private until it is left.
func (x *extraction) directory(e entry, wanted attributes) error {
	if len(e.parts) == 0 {
		switch {
		case !x.listed:
			x.root, x.listed = wanted, true
		case x.strip == 0:
			return duplicate(e)
		}
		return nil
	}
	above, err := x.into.at(e.directory())
	if err != nil {
		return x.entryError(e, err)
	}
	made := durable.Repeat(func() error { return unix.Mkdirat(above, e.base(), 0o700) })
	if made != nil && !errors.Is(made, unix.EEXIST) {
		return x.entryError(e, &os.PathError{Op: "mkdir", Path: e.path(), Err: made})
	}
	if _, err := x.into.at(e.parts); err != nil {
		return x.entryError(e, err)
	}
	last := &x.into.open[len(x.into.open)-1]
	if made != nil {
		var status unix.Stat_t
		if err := unix.Fstat(last.handle, &status); err != nil {
			return x.entryError(e, err)
		}
		if _, unlisted := x.unlisted[status.Ino]; !unlisted {
			return duplicate(e)
		}
		delete(x.unlisted, status.Ino)
	}
	last.final = wanted
	return nil
}

func duplicate(e entry) error {
	return refuse(e.Header, "archive-duplicate", "the archive has this name twice").
		WithHint("pack the package again; on a file system that ignores case, rename one of the two")
}

// entryError gives an error of the file system the code that fits the entry it came from.
func (x *extraction) entryError(e entry, err error) error {
	switch {
	case errors.Is(err, unix.EEXIST):
		return duplicate(e)
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return refuse(e.Header, "archive-through-file", "it lies below an entry that is a file or a symbolic link").
			WithCause(err)
	case errors.Is(err, unix.ENAMETOOLONG):
		return refuse(e.Header, "archive-name", "its name is too long for the file system").WithCause(err)
	}
	return explain(err, "cannot extract %q into %s", e.Name, x.target)
}
