package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/xattr"
)

// mostDoubtful bounds the memory for the paths of links that are looked at again at the end, in bytes.
const mostDoubtful = 1 << 20

// symlink makes a symbolic link.
func (x *extraction) symlink(e entry, wanted attributes) error {
	if err := x.checkTarget(e); err != nil {
		return err
	}
	above, err := x.into.at(e.directory())
	if err != nil {
		return x.entryError(e, err)
	}
	if err := durable.Repeat(func() error { return unix.Symlinkat(e.Linkname, above, e.base()) }); err != nil {
		return x.entryError(e, &os.PathError{Op: "symlink", Path: e.path(), Err: err})
	}
	if x.owners {
		if err := durable.Repeat(func() error { return unix.Fchownat(above, e.base(), wanted.uid, wanted.gid, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
			return x.entryError(e, &os.PathError{Op: "chown", Path: e.path(), Err: err})
		}
	}
	if err := wanted.setExtended(xattr.At(above, e.base()), e.base()); err != nil {
		return x.entryError(e, err)
	}
	return x.entryError(e, wanted.setTime(above, e.base()))
}

// checkTarget refuses a symbolic link that leads out of the release. It would do no harm here, where links
// are never followed; but a release that a hook or a service follows out of itself is not what was signed.
//
// A link whose target goes up first and down then stays inside if it does not go up too far: the directories
// above it are real ones. Where the target goes up again after a name, that name may be a link itself, and
// only the finished tree can tell.
func (x *extraction) checkTarget(e entry) error {
	if e.Linkname == "" || strings.ContainsRune(e.Linkname, 0) || len(e.Linkname) > longestPath {
		return refuse(e.Header, "archive-link", "it is a symbolic link without a proper target")
	}
	if x.anyLinks {
		return nil
	}
	leadsOut := func() error {
		return refuse(e.Header, "archive-link-leads-out", "it is a symbolic link that leads out of the release, to %q", e.Linkname).
			WithHint("make it relative and keep it inside, or say `links: any` if it is meant to lead out")
	}
	if strings.HasPrefix(e.Linkname, "/") {
		return leadsOut()
	}
	depth, named, doubtful := len(e.parts)-1, false, false
	for part := range strings.SplitSeq(e.Linkname, "/") {
		switch part {
		case "", ".":
		case "..":
			doubtful = doubtful || named
			if depth--; depth < 0 {
				return leadsOut()
			}
		default:
			depth, named = depth+1, true
		}
	}
	if doubtful {
		if x.doubts += len(e.path()); x.doubts > mostDoubtful {
			return refuse(e.Header, "archive-link", "too many symbolic links go up again after a name").
				WithHint(`write their targets without "name/.."`)
		}
		x.doubtful = append(x.doubtful, e.path())
	}
	return nil
}

// leadInside looks at the doubtful links in the finished tree. os.Root follows a link as the kernel would,
// and stops where it leaves the root. A link to nothing is no harm.
func (x *extraction) leadInside(directory int) error {
	if len(x.doubtful) == 0 {
		return nil
	}
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", directory))
	if err != nil {
		return explain(err, "cannot look at the release's links")
	}
	defer root.Close()
	for _, path := range x.doubtful {
		_, err := root.Stat(path)
		if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			continue
		}
		return fault.New(fault.Failed, "archive-link-leads-out",
			"entry %q of the archive is refused: it is a symbolic link that leads out of the release", path).
			WithHint("make it relative and keep it inside, or say `links: any` if it is meant to lead out").WithCause(err)
	}
	return nil
}

// hardLink makes a second name for a file of this archive.
func (x *extraction) hardLink(ctx context.Context, e entry) error {
	target, inside := x.linkTarget(e)
	if !inside {
		return refuse(e.Header, "archive-hard-link", "it is a hard link to %q, which is not in this archive, or not taken from it", e.Linkname).
			WithHint("an archive holds all that its hard links name; where `strip`, `include` or `exclude` leave it out, leave this out too")
	}
	above, err := x.into.at(e.directory())
	if err != nil {
		return x.entryError(e, err)
	}
	from := above
	if !slices.Equal(target.directory(), e.directory()) {
		walk := reader(x.into.root)
		defer walk.drop()
		if from, err = walk.at(target.directory()); err != nil {
			return x.linkError(e, err)
		}
	}
	if x.copies.match(e.parts) && !x.copies.match(target.parts) {
		// The other name may share the running release's file, and this one must not.
		return x.copyFile(ctx, e, from, target.base(), above)
	}
	if err := durable.Repeat(func() error { return unix.Linkat(from, target.base(), above, e.base(), 0) }); err != nil {
		return x.linkError(e, &os.LinkError{Op: "link", Old: e.Linkname, New: e.Name, Err: err})
	}
	return nil
}

// linkTarget tells where in the tree the file lies that a hard link names.
func (x *extraction) linkTarget(e entry) (target entry, inside bool) {
	parts, why := split(e.Linkname)
	if why == "" && x.oneTop {
		if len(parts) == 0 || parts[0] != x.top {
			return entry{}, false
		}
		parts = parts[1:]
	}
	if why != "" {
		return entry{}, false
	}
	if parts = x.counted(e.Linkname, parts); len(parts) <= x.strip {
		return entry{}, false
	}
	if parts = named(parts[x.strip:]); len(parts) == 0 || !x.selects(parts) {
		return entry{}, false
	}
	return entry{Header: e.Header, parts: parts}, true
}

func (x *extraction) linkError(e entry, err error) error {
	if errors.Is(err, unix.EEXIST) {
		return duplicate(e)
	}
	for _, no := range []error{unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EPERM} {
		if errors.Is(err, no) {
			return refuse(e.Header, "archive-hard-link", "it is a hard link to %q, which is not a file before it in this archive", e.Linkname).
				WithCause(err)
		}
	}
	return x.entryError(e, err)
}

// copyFile makes the entry a file of its own, with the content and the attributes of a file of the new tree.
func (x *extraction) copyFile(ctx context.Context, e entry, from int, base string, above int) error {
	handle, err := openIn(from, base, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return x.linkError(e, err)
	}
	source := os.NewFile(uintptr(handle), e.Linkname)
	defer source.Close()
	var status unix.Stat_t
	if err := unix.Fstat(handle, &status); err != nil {
		return x.entryError(e, err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFREG {
		return refuse(e.Header, "archive-hard-link", "it is a hard link to %q, which is not a file", e.Linkname)
	}
	if err := x.count(status.Size); err != nil {
		return err
	}
	wanted := attributesFrom(&status)
	if wanted.extended, err = x.extendedOf(handle); err != nil {
		return x.entryError(e, err)
	}
	header := *e.Header
	header.Size = status.Size
	return x.write(ctx, entry{Header: &header, parts: e.parts}, wanted, above, source)
}
