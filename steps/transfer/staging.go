package transfer

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/xattr"
)

// staging is the hidden directory in which new entries are made, and to which old ones move. It is made with
// the first entry.
type staging struct {
	site *site
	// dir is nil and handle none until the directory is made.
	dir      *openat.Dir
	handle   int
	manifest *manifest
	shared   *shared
	copier   copier
	// sums takes the digests of small files.
	sums *made.Sums
	// target is the handle of the target; none where there is none yet.
	target int
	// take moves the files of the source in, by links, in place of copying them: the source is a fetched tree
	// of ours.
	take  bool
	count int
}

// write adds a change to the manifest; a plan has none.
func (s *staging) write(one change) error {
	if s == nil {
		return nil
	}
	return s.manifest.write(one)
}

// next gives a free name in the directory.
func (s *staging) next() (string, error) {
	if err := s.open(); err != nil {
		return "", err
	}
	s.count++
	return strconv.Itoa(s.count), nil
}

// open makes the directory. It must not hand on a default access list of the directory it lies in.
func (s *staging) open() error {
	if s.handle != none {
		return nil
	}
	path := s.site.m.Hidden
	var err error
	if s.dir, err = s.site.makeHidden(); err != nil {
		return explain(err, "cannot make the hidden directory %s", path)
	}
	if s.handle, err = openDirectory(s.dir.Descriptor(), "."); err != nil {
		return explain(err, "cannot open the hidden directory %s", path)
	}
	for _, name := range []string{xattr.DefaultList, xattr.AccessList} {
		if err := xattr.Of(s.handle).Remove(name); err != nil && err != syscall.ENODATA && err != syscall.ENOTSUP {
			return explain(err, "cannot prepare the hidden directory %s", path)
		}
	}
	return nil
}

func (s *staging) close() {
	s.dir.Close()
	closeAll(s.handle)
}

// openSource opens the source: the directory at a path, or what was fetched.
func (s *staging) openSource(path string) (handle int, err error) {
	if s.take {
		handle, err = openDirectory(s.handle, fetched)
	} else {
		handle, err = openRoot(path)
	}
	return handle, noSource(path, err)
}

// newcomer is the place of an entry that is being staged; path is that in the hidden directory.
type newcomer struct {
	directory  int
	name, path string
}

// stage makes the new entry of a change, with all below it, and writes the change down.
func (s *survey) stage(one change, l level, name string, from *unix.Stat_t, content original) error {
	var into newcomer
	if s.staging != nil {
		var err error
		if one.staged, err = s.staging.next(); err != nil {
			return err
		}
		into = newcomer{s.staging.handle, one.staged, one.staged}
	}
	if err := s.create(l, name, from, content, into); err != nil {
		return explain(err, "cannot copy %q", one.way)
	}
	if s.staging == nil {
		return nil
	}
	status, err := statAt(into.directory, into.name)
	if err != nil {
		return err
	}
	one.fresh = status.Ino
	return s.staging.write(one)
}

// create makes an entry. In a plan it only counts.
func (s *survey) create(l level, name string, from *unix.Stat_t, content original, into newcomer) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if isDirectory(from) {
		return s.createDirectory(l, name, from, into)
	}
	way := below(l.way, name)
	leader, known, err := s.groups.find(from)
	if err != nil {
		return err
	}
	if known {
		s.tally.joined++
		if s.staging == nil {
			return nil
		}
		return s.linkGroup(leader, into)
	}
	linked, err := s.linkDest(l, name, way, from, into)
	if err != nil {
		return err
	}
	if !linked {
		if err := s.copyEntry(way, original{l.source, name, from}, content, into); err != nil {
			return err
		}
	}
	return s.groups.note(from, settled{staged: true, way: into.path})
}

func (s *survey) createDirectory(l level, name string, from *unix.Stat_t, into newcomer) error {
	l.target = none
	next, err := l.enter(name)
	if err != nil {
		return err
	}
	defer next.leave()
	directory := none
	if s.staging != nil {
		if err := durable.Repeat(func() error { return unix.Mkdirat(into.directory, into.name, 0o700) }); err != nil {
			return &os.PathError{Op: "mkdir", Path: next.way, Err: err}
		}
		if directory, err = openDirectory(into.directory, into.name); err != nil {
			return err
		}
		defer closeAll(directory)
	}
	names, err := namesIn(next.source)
	if err != nil {
		return err
	}
	for child := range names.all() {
		status, err := statAt(next.source, child)
		if err != nil {
			return err
		}
		if status == nil || s.leavesOut(below(next.way, child), isDirectory(status)) {
			continue
		}
		place := newcomer{directory, child, below(into.path, child)}
		if err := s.create(next, child, status, original{next.source, child, status}, place); err != nil {
			return err
		}
	}
	s.tally.directories++
	if s.staging == nil {
		return nil
	}
	given, err := attributesAt(next.source, ".", from)
	if err != nil {
		return err
	}
	return given.give(directory, ".", unix.S_IFDIR, nil)
}

// linkGroup makes another name of a file that has gone to the target already.
func (s *survey) linkGroup(leader settled, into newcomer) error {
	root := s.staging.target
	if leader.staged {
		root = s.staging.handle
	}
	parent, name := cutLast(leader.way)
	directory, err := openWay(root, parent)
	if err != nil {
		return err
	}
	defer closeAll(directory)
	if err := durable.Repeat(func() error { return unix.Linkat(directory, name, into.directory, into.name, 0) }); err != nil {
		return &os.LinkError{Op: "link", Old: leader.way, New: into.path, Err: err}
	}
	return nil
}

// equalLink finds the first tree of link-dest that has an equal entry; nil is none. What lies on another
// device than the target, no link can reach.
func (s *survey) equalLink(l level, at original) (directory int, equal *unix.Stat_t, err error) {
	for _, directory := range l.links {
		there, err := statAt(directory, at.name)
		if err != nil {
			return none, nil, err
		}
		if there == nil || kindOf(there) != kindOf(at.status) || uint64(there.Dev) != s.device {
			continue
		}
		_, whole, err := s.same(at, original{directory, at.name, there})
		if err != nil {
			return none, nil, err
		}
		if whole {
			return directory, there, nil
		}
	}
	return none, nil, nil
}

// linkDest links the entry to an equal one of link-dest. Where the file system makes no such link (too many,
// say), the entry is copied.
func (s *survey) linkDest(l level, name, way string, from *unix.Stat_t, into newcomer) (bool, error) {
	directory, equal, err := s.equalLink(l, original{l.source, name, from})
	if err != nil || equal == nil {
		return false, err
	}
	if s.staging != nil {
		err := durable.Repeat(func() error { return unix.Linkat(directory, name, into.directory, into.name, 0) })
		switch {
		case err == unix.EMLINK, err == unix.EXDEV, err == unix.EPERM, err == unix.EACCES, err == unix.EOPNOTSUPP, err == unix.ENOENT:
			return false, nil
		case err != nil:
			return false, linkError(err, way)
		}
		if err := s.staging.shared.note(way, equal); err != nil {
			return false, err
		}
	}
	s.tally.linked++
	return true, nil
}

// copyEntry makes a copy of what is no directory: the attributes of one original with the content of another.
func (s *survey) copyEntry(way string, at, content original, into newcomer) error {
	s.tally.copied++
	if isRegular(at.status) {
		s.tally.bytes += at.status.Size
	}
	if s.staging == nil {
		return nil
	}
	if s.tally.copied%256 == 0 {
		s.log.Progress(int64(s.tally.copied), 0, "files")
	}
	if s.staging.take {
		return linkError(durable.Repeat(func() error { return unix.Linkat(content.directory, content.name, into.directory, into.name, 0) }), way)
	}
	switch kindOf(at.status) {
	case unix.S_IFREG:
		if err := s.copyFile(way, content, into); err != nil {
			return err
		}
	case unix.S_IFLNK:
		text, err := linkText(content.directory, content.name)
		if err != nil {
			return err
		}
		if err := durable.Repeat(func() error { return unix.Symlinkat(text, into.directory, into.name) }); err != nil {
			return &os.PathError{Op: "symlink", Path: way, Err: err}
		}
	default:
		if err := durable.Repeat(func() error {
			return unix.Mknodat(into.directory, into.name, kindOf(at.status)|0o600, int(at.status.Rdev))
		}); err != nil {
			return &os.PathError{Op: "mknod", Path: way, Err: err}
		}
	}
	given, err := attributesAt(at.directory, at.name, at.status)
	if err != nil {
		return err
	}
	return given.give(into.directory, into.name, kindOf(at.status), nil)
}

// copyFile makes a file with the content of another.
func (s *survey) copyFile(way string, content original, into newcomer) error {
	from, err := openAt(content.directory, content.name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer closeAll(from)
	to, err := openAt(into.directory, into.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer closeAll(to)
	if err := s.staging.copier.copy(to, from, content.status); err != nil {
		return err
	}
	group, path, _ := strings.Cut(into.path, "/")
	if err := s.staging.sums.AddSmall(group, path, from, content.status.Size); err != nil {
		return err
	}
	return unchanged(from, way, content.status)
}

func linkError(err error, way string) error {
	if err != nil {
		return &os.PathError{Op: "link", Path: way, Err: err}
	}
	return nil
}
