package duplicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Changes are what a copy has otherwise than its source.
type Changes struct {
	// Mode gives the permissions of what had the old ones; nil where they stay.
	Mode func(old uint32, directory bool) uint32
	// UID and GID are -1 where owners stay.
	UID, GID int
}

// AsItIs changes nothing.
func AsItIs() Changes { return Changes{UID: -1, GID: -1} }

// exfat is EXFAT_SUPER_MAGIC of linux/magic.h.
const exfat = 0x2011bab0

// chunk is how much is copied between two looks at the context.
const chunk = 4 << 20

// duplication is one copy of a file or a tree. Every name is taken relative to its directory's descriptor and
// no link is followed, so nothing is read or written elsewhere even where somebody changes the source while
// it is copied.
type duplication struct {
	Changes
	// root reports whether owners can be set; lax, whether the target's file system knows no owners and modes
	// (vfat).
	root, lax bool
	// links maps a file with several names to the first name of its copy, from the directory top.
	links map[inode]copied
	top   int
	log   *tasklog.Task
	bytes int64
	// sums takes the digests of small files; it may be nil.
	sums *made.Sums
	// passed counts the names of gwe's own that were left out; firstPassed is one of them.
	passed      int
	firstPassed string
}

type inode struct{ device, number uint64 }

type copied struct {
	path string
	inode
}

// Entry copies what has a name in a directory (a symbolic link is copied itself) to a name in another one
// that does not exist yet, with content, mode, owner, modification time, extended attributes, holes, and the
// hard links within it. Its result is not synced. Cut short, it leaves a part. log and sums may be nil; sums
// gets the digests of small files.
func Entry(ctx context.Context, from *openat.Dir, name string, to *openat.Dir, other string, change Changes, log *tasklog.Task, sums *made.Sums) error {
	source, target := from.Descriptor(), to.Descriptor()
	d := duplication{Changes: change, root: os.Geteuid() == 0, links: map[inode]copied{}, top: target, log: log, sums: sums}
	var system unix.Statfs_t
	if err := unix.Fstatfs(target, &system); err == nil {
		d.lax = int64(system.Type) == unix.MSDOS_SUPER_MAGIC || int64(system.Type) == exfat
	}
	err := d.entry(ctx, place{source, name}, place{target, other}, other)
	if d.passed > 0 {
		_, first, _ := strings.Cut(d.firstPassed, "/")
		log.Info(fmt.Sprintf("not copied: %s in %s, and %d more names of gwe's own", first, from.Join(name), d.passed-1))
	}
	if fault.As(err) == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = durable.Explain(err, "cannot copy %s to %s", from.Join(name), to.Join(other))
	}
	return err
}

// place is a name in an open directory.
type place struct {
	directory int
	name      string
}

func (p place) wrong(operation string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: operation, Path: p.name, Err: err}
}

// entry copies one name, and what is below it; path is the copy's, from the directory top.
func (d *duplication) entry(ctx context.Context, from, to place, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var status unix.Stat_t
	if err := unix.Fstatat(from.directory, from.name, &status, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return from.wrong("stat", err)
	}
	kind := status.Mode & unix.S_IFMT
	if kind == unix.S_IFDIR {
		return d.tree(ctx, from, to, path, status)
	}
	if status.Nlink > 1 {
		if linked, err := d.linked(to, status); linked || err != nil {
			return err
		}
	}
	var err error
	switch kind {
	case unix.S_IFREG:
		err = d.regular(ctx, from, to, path, status)
	case unix.S_IFLNK:
		if err = symlinkLike(from, to); err == nil {
			err = d.special(from, to, status)
		}
	default:
		err = to.wrong("mknod", durable.Repeat(func() error { return unix.Mknodat(to.directory, to.name, kind|0o600, int(status.Rdev)) }))
		if err == nil {
			err = d.special(from, to, status)
		}
	}
	if err != nil || status.Nlink < 2 {
		return err
	}
	var made unix.Stat_t
	if err := unix.Fstatat(to.directory, to.name, &made, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return to.wrong("stat", err)
	}
	d.links[inodeOf(status)] = copied{path, inodeOf(made)}
	return nil
}

func inodeOf(status unix.Stat_t) inode { return inode{uint64(status.Dev), status.Ino} }

// linked makes a further name of a file that was copied already.
func (d *duplication) linked(to place, status unix.Stat_t) (bool, error) {
	first, known := d.links[inodeOf(status)]
	if !known {
		return false, nil
	}
	above, err := openat.Borrow(d.top, "").Below(filepath.Dir(first.path)) // its path may be longer than PATH_MAX
	if err != nil {
		return false, to.wrong("link", err)
	}
	defer above.Close()
	err = durable.Repeat(func() error {
		return unix.Linkat(above.Descriptor(), filepath.Base(first.path), to.directory, to.name, 0)
	})
	if errors.Is(err, unix.EMLINK) || errors.Is(err, unix.EPERM) {
		return false, nil // the file system has no more links, or none: a copy then
	}
	if err != nil {
		return false, to.wrong("link", err)
	}
	var made unix.Stat_t
	if err := unix.Fstatat(to.directory, to.name, &made, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, to.wrong("stat", err)
	}
	if inodeOf(made) != first.inode {
		return false, fault.New(fault.Failed, "copy-changing", "%s was replaced while it was being copied", first.path).
			WithHint("see what else writes there")
	}
	return true, nil
}

// tree copies a directory. Nobody else can enter the copy before it is complete.
func (d *duplication) tree(ctx context.Context, from, to place, path string, status unix.Stat_t) error {
	source, err := openDirectory(from.directory, from.name)
	if err != nil {
		return from.wrong("open", err)
	}
	listing := os.NewFile(uintptr(source), from.name)
	defer listing.Close()
	if err := durable.Repeat(func() error { return unix.Mkdirat(to.directory, to.name, 0o700) }); err != nil {
		return to.wrong("mkdir", err)
	}
	target, err := openDirectory(to.directory, to.name)
	if err != nil {
		return to.wrong("open", err)
	}
	defer unix.Close(target)
	if err := Fresh(target, to.name); err != nil {
		return err
	}
	for {
		entries, err := listing.ReadDir(512)
		for _, entry := range entries {
			below := filepath.Join(path, entry.Name())
			if durable.IsOwn(entry.Name()) { // a copy of what an undo needs would stay for ever
				if d.passed++; d.passed == 1 {
					d.firstPassed = below
				}
				continue
			}
			if err := d.entry(ctx, place{source, entry.Name()}, place{target, entry.Name()}, below); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return d.attributes(openat.Opened(source, from.name), openat.Opened(target, to.name), status)
		}
		if err != nil {
			return err
		}
	}
}

// Fresh refuses an open directory that is not the one that was made just now: another user may have put one
// of root's in its place. No other user can put anything into ours.
func Fresh(handle int, name string) error {
	dir := openat.Borrow(handle, name)
	var status unix.Stat_t
	err := unix.Fstat(handle, &status)
	names, listing := dir.Names()
	if err = errors.Join(err, listing); err != nil {
		return err
	}
	if int(status.Uid) != os.Geteuid() || len(names) > 0 {
		return fault.New(fault.Failed, "parent-changed", "cannot use the directory %s that was made: another one is in its place", name).
			WithHint("see what else works there, and who may write there")
	}
	return nil
}

// special gives a link, a device or a FIFO its attributes.
func (d *duplication) special(from, to place, status unix.Stat_t) error {
	source, err := openat.Borrow(from.directory, "").Entry(from.name)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := openat.Borrow(to.directory, "").Entry(to.name)
	if err != nil {
		return err
	}
	defer target.Close()
	made, err := target.Stat()
	if err != nil {
		return err
	}
	if made.Mode&unix.S_IFMT != status.Mode&unix.S_IFMT || made.Nlink > 1 || d.root && made.Uid != 0 {
		return fault.New(fault.Failed, "copy-changing", "%s was replaced while it was being copied", to.name).WithHint("see what else writes there")
	}
	return d.attributes(source, target, status)
}

// regular copies a file's content. Where the file systems can share blocks, they do.
func (d *duplication) regular(ctx context.Context, from, to place, path string, status unix.Stat_t) error {
	handle, err := openAt(from.directory, from.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return from.wrong("open", err)
	}
	source := os.NewFile(uintptr(handle), from.name)
	defer source.Close()
	var opened unix.Stat_t
	if err := unix.Fstat(int(source.Fd()), &opened); err != nil {
		return from.wrong("stat", err)
	}
	if inodeOf(opened) != inodeOf(status) || opened.Mode&unix.S_IFMT != unix.S_IFREG { // a FIFO, say, that took its place
		return changing(from)
	}
	handle, err = openAt(to.directory, to.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return to.wrong("open", err)
	}
	target := os.NewFile(uintptr(handle), to.name)
	defer target.Close()
	if status.Blocks*512 < status.Size {
		err = d.sparse(ctx, source, target, status.Size)
	} else {
		// One that grows is not followed to an end that it may not have. What /proc has tells no size.
		length := status.Size
		if length == 0 {
			length = step.LargestFile
		}
		err = d.stretch(ctx, source, target, length)
	}
	if err != nil {
		return err
	}
	_, below, _ := strings.Cut(path, "/")
	if err := d.sums.AddSmall("", below, int(source.Fd()), status.Size); err != nil {
		return err
	}
	var after unix.Stat_t
	if err := unix.Fstat(int(source.Fd()), &after); err != nil {
		return from.wrong("stat", err)
	}
	if inodeOf(after) != inodeOf(status) || after.Size != status.Size || after.Mtim != status.Mtim {
		return changing(from)
	}
	if err := d.attributes(openat.Opened(int(source.Fd()), from.name), openat.Opened(int(target.Fd()), to.name), status); err != nil {
		return err
	}
	return target.Close()
}

func changing(from place) error {
	return fault.New(fault.Failed, "copy-changing", "%s changed while it was being copied", from.name).
		WithHint("stop what writes it in a step before")
}

// sparse copies the data between the holes.
func (d *duplication) sparse(ctx context.Context, source, target *os.File, size int64) error {
	for at := int64(0); at < size; {
		data, err := source.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err != nil {
			return err
		}
		if at, err = source.Seek(data, unix.SEEK_HOLE); err != nil {
			return err
		}
		for _, file := range []*os.File{source, target} {
			if _, err := file.Seek(data, io.SeekStart); err != nil {
				return err
			}
		}
		if err := d.stretch(ctx, source, target, at-data); err != nil {
			return err
		}
	}
	return target.Truncate(size)
}

// stretch copies that many bytes, or to the end.
func (d *duplication) stretch(ctx context.Context, source, target *os.File, length int64) error {
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		count, err := io.CopyN(target, source, min(chunk, length))
		length -= count
		d.bytes += count
		if d.log != nil && count == chunk {
			d.log.Progress(d.bytes, 0, "bytes")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func symlinkLike(from, to place) error {
	text := make([]byte, unix.PathMax+1)
	length, err := unix.Readlinkat(from.directory, from.name, text)
	if err != nil {
		return from.wrong("readlink", err)
	}
	return to.wrong("symlink", durable.Repeat(func() error { return unix.Symlinkat(string(text[:length]), to.directory, to.name) }))
}

// openDirectory opens a directory, not through a link.
func openDirectory(directory int, name string) (int, error) {
	return openAt(directory, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

// openAt opens a name in a directory, however often a signal interrupts that.
func openAt(directory int, name string, flags int, mode uint32) (handle int, err error) {
	err = durable.Repeat(func() error {
		handle, err = unix.Openat(directory, name, flags, mode)
		return err
	})
	return handle, err
}
