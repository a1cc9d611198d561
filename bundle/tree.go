package bundle

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// tree walks a directory and writes it as a tar. It is walked twice, and never kept in memory: first to see
// what it holds and whether all of it can be packed, then to write.
type tree struct {
	ctx       context.Context
	root      *os.Root
	directory string
	name      string
	excluded  patterns
	progress  func(current, total int64)
	// plain leaves extended attributes out; left are the kinds of those that no package keeps.
	plain bool
	left  []left

	current, total int64
	buffer         []byte
	// firsts are the names of files that have several, by identity.
	firsts map[identity]string
	// frames cuts the tar into frames, and entries collects the index. frames is nil in a package without an
	// index.
	frames  *frameWriter
	entries index.Builder
}

type identity struct{ device, inode uint64 }

// longestPath and deepest are what a device unpacks at most: bytes of a path, with the name of the release,
// and names in it.
const (
	longestPath = 4095
	deepest     = 200
)

// complaintsMaximum is how many entries that cannot be packed are named.
const complaintsMaximum = 10

// survey sums up the sizes and refuses what no package can hold.
func (t *tree) survey() error {
	var refused, own []string
	deep := ""
	err := t.walk(func(name string, info fs.FileInfo) error {
		if strings.HasPrefix(path.Base(name), durable.Prefix) {
			own = append(own, name)
		}
		if whole := path.Join(t.name, name); deep == "" && (len(whole) > longestPath || strings.Count(whole, "/") >= deepest) {
			deep = name
		}
		switch info.Mode().Type() {
		case 0:
			t.total += info.Size()
		case fs.ModeDir, fs.ModeSymlink:
		default:
			refused = append(refused, kindOf(info.Mode())+" "+name)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(own) > 0:
		return refuse("pack-own-name", "%s holds names that start with %q, which are gwe's own and which no device would unpack: %s", t.directory, durable.Prefix, some(own)).
			WithHint("leave them out with --exclude '%s*', or give them other names", durable.Prefix)
	case deep != "":
		return refuse("pack-too-deep", "%s holds a path that no device would unpack, of %d bytes and %d names: %.200s", t.directory, len(path.Join(t.name, deep)), strings.Count(deep, "/")+2, deep).
			WithHint("at most %d bytes and %d names are unpacked: make the tree less deep, or leave that out with --exclude", longestPath, deepest)
	case len(refused) > 0:
		return refuse("pack-special-file", "%s holds what a package cannot: %s", t.directory, some(refused)).
			WithHint("remove it, or leave it out with --exclude; programs make sockets and pipes anew when they start")
	}
	return nil
}

// some names the first ones.
func some(names []string) string {
	shown := strings.Join(names[:min(len(names), complaintsMaximum)], ", ")
	if len(names) > complaintsMaximum {
		shown += ", ..."
	}
	return shown
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSocket != 0:
		return "the socket"
	case mode&fs.ModeNamedPipe != 0:
		return "the named pipe"
	case mode&fs.ModeDevice != 0:
		return "the device"
	}
	return "the special file"
}

// walk calls visit for everything that is not excluded, directories before what is in them, in the order of
// the names. The name of the tree's own directory is ".".
func (t *tree) walk(visit func(name string, info fs.FileInfo) error) error {
	return t.walkFrom(".", visit)
}

// walkFrom walks a name and what lies below it. It is fs.WalkDir for names that are not UTF-8, too.
func (t *tree) walkFrom(name string, visit func(name string, info fs.FileInfo) error) error {
	if t.ctx.Err() != nil {
		return fault.New(fault.Interrupted, "interrupted", "packing %s was interrupted", t.directory).WithCause(context.Cause(t.ctx))
	}
	if name != "." && t.excluded.match(name) {
		return nil
	}
	info, err := t.root.Lstat(name)
	if err != nil {
		return t.unreadable(name, err)
	}
	if err := visit(name, info); err != nil || !info.IsDir() {
		return err
	}
	below, err := t.names(name)
	if err != nil {
		return t.unreadable(name, err)
	}
	for _, one := range below {
		if err := t.walkFrom(path.Join(name, one), visit); err != nil {
			return err
		}
	}
	return nil
}

// names lists a directory, sorted.
func (t *tree) names(name string) ([]string, error) {
	directory, err := t.root.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	found, err := directory.Readdirnames(-1)
	slices.Sort(found)
	return found, err
}

func (t *tree) unreadable(name string, err error) error {
	if fault.As(err) != nil {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return t.moved(name)
	}
	return fault.New(fault.Failed, "pack-unreadable", "cannot read %s", path.Join(t.directory, name)).WithCause(err).
		WithHint("pack as a user who may read the whole directory")
}

// moved is the fault of a tree that something writes to meanwhile.
func (t *tree) moved(name string) error {
	return fault.New(fault.Failed, "pack-tree-changed", "%s changed while it was packed", path.Join(t.directory, name)).
		WithHint("stop what writes to the directory, or pack a copy of it")
}

// write writes the tar.
func (t *tree) write(w io.Writer) error {
	t.buffer, t.firsts = make([]byte, copyBuffer*4), map[identity]string{}
	writer := tar.NewWriter(w)
	if err := t.walk(func(name string, info fs.FileInfo) error { return t.entry(writer, name, info) }); err != nil {
		return err
	}
	return writer.Close()
}

func (t *tree) entry(w *tar.Writer, name string, info fs.FileInfo) error {
	header := t.header(name, info)
	switch info.Mode().Type() {
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
		return t.addDirectory(w, name, header, info)
	case fs.ModeSymlink:
		target, err := t.root.Readlink(name)
		if err != nil {
			return t.unreadable(name, err)
		}
		header.Typeflag, header.Linkname = tar.TypeSymlink, target
		if err := t.attributesOfLink(header, name); err != nil {
			return err
		}
		return t.whole(w, header)
	case 0:
		return t.file(w, name, header, info)
	}
	return t.moved(name)
}

// header holds what every kind of entry has.
func (t *tree) header(name string, info fs.FileInfo) *tar.Header {
	status := info.Sys().(*syscall.Stat_t)
	header := &tar.Header{
		Name:    path.Join(t.name, name),
		Mode:    int64(status.Mode & 0o7777),
		Uid:     int(status.Uid),
		Gid:     int(status.Gid),
		ModTime: info.ModTime(),
	}
	// USTAR has whole seconds; without this the writer would round.
	if info.ModTime().Nanosecond() != 0 {
		header.Format = tar.FormatPAX
	}
	return header
}

// addDirectory writes a directory, without what lies in it.
func (t *tree) addDirectory(w *tar.Writer, name string, header *tar.Header, seen fs.FileInfo) error {
	file, err := t.root.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return t.unreadable(name, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !os.SameFile(seen, info) {
		return t.moved(name)
	}
	if err := t.attributes(header, name, file); err != nil {
		return err
	}
	return t.whole(w, header)
}

// whole writes an entry that has no content.
func (t *tree) whole(w *tar.Writer, header *tar.Header) error {
	if err := t.put(w, header); err != nil {
		return err
	}
	if t.frames != nil {
		t.entries.Add(indexEntry(header))
	}
	return nil
}

func (t *tree) put(w *tar.Writer, header *tar.Header) error {
	if t.frames != nil {
		// The padding of the entry before belongs to its frame.
		if err := errors.Join(w.Flush(), t.frames.entry(header.Size)); err != nil {
			return err
		}
	}
	if err := w.WriteHeader(header); err != nil {
		if errors.Is(err, tar.ErrHeader) {
			return refuse("pack-name", "%q cannot be packed", header.Name).WithCause(err)
		}
		return err
	}
	return nil
}

// file writes a regular file, or a link to the name under which it was written before.
func (t *tree) file(w *tar.Writer, name string, header *tar.Header, seen fs.FileInfo) error {
	file, err := t.root.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return t.unreadable(name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return t.unreadable(name, err)
	}
	if !os.SameFile(seen, info) || !unchanged(seen, info) {
		return t.moved(name)
	}
	header.Typeflag = tar.TypeReg
	status := info.Sys().(*syscall.Stat_t)
	if status.Nlink > 1 {
		self := identity{uint64(status.Dev), status.Ino}
		if first, found := t.firsts[self]; found {
			header.Typeflag, header.Linkname = tar.TypeLink, first
			t.advance(info.Size())
			return t.whole(w, header)
		}
		t.firsts[self] = header.Name
	}
	if err := t.attributes(header, name, file); err != nil {
		return err
	}
	header.Size = info.Size()
	if err := t.put(w, header); err != nil {
		return err
	}
	if t.frames == nil {
		err = t.content(w, name, file, info.Size())
	} else {
		err = t.indexFile(header, func(also io.Writer) error {
			return t.content(io.MultiWriter(w, also), name, file, info.Size())
		})
	}
	if err != nil {
		return err
	}
	if after, err := file.Stat(); err != nil || !unchanged(info, after) {
		return t.moved(name)
	}
	return nil
}

func unchanged(before, after fs.FileInfo) bool {
	return before.Size() == after.Size() && before.ModTime().Equal(after.ModTime()) && before.Mode() == after.Mode()
}

func (t *tree) content(w io.Writer, name string, file io.Reader, size int64) error {
	for size > 0 {
		if t.ctx.Err() != nil {
			return fault.New(fault.Interrupted, "interrupted", "packing %s was interrupted", t.directory).WithCause(context.Cause(t.ctx))
		}
		n, err := file.Read(t.buffer[:min(size, int64(len(t.buffer)))])
		if errors.Is(err, io.EOF) && n == 0 {
			return t.moved(name)
		}
		if err != nil && n == 0 {
			return t.unreadable(name, err)
		}
		if _, err := w.Write(t.buffer[:n]); err != nil {
			return err
		}
		size -= int64(n)
		t.advance(int64(n))
	}
	return nil
}

func (t *tree) advance(bytes int64) {
	t.current += bytes
	if t.progress != nil {
		t.progress(min(t.current, t.total), t.total)
	}
}
