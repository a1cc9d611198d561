package openat

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mostLinks is how many links a path may lead through, as for the kernel.
const mostLinks = 40

// walk resolves a path name by name.
type walk struct {
	links int
	trust trust
	// trace is set where the links are listed in passed.
	trace  bool
	passed []string
}

// spot is an open directory on the way. path is for people.
type spot struct {
	handle int
	path   string
}

func (s spot) close() { _ = unix.Close(s.handle) }

func walkFromRoot(path string, trace bool) (handle int, passed []string, err error) {
	w := &walk{trust: ours(), trace: trace}
	root, err := w.root()
	if err != nil {
		return -1, nil, err
	}
	found, err := w.follow(root, path)
	return found.handle, w.passed, err
}

func (w *walk) root() (spot, error) {
	handle, err := openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY, 0)
	return spot{handle, "/"}, wrong("open", "/", err)
}

// follow goes along a path, and closes the directory from which it starts.
func (w *walk) follow(at spot, path string) (spot, error) {
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." {
			continue
		}
		next, err := w.enter(at, name)
		at.close()
		if err != nil {
			return spot{handle: -1}, err
		}
		at = next
	}
	return at, nil
}

// enter opens one name, which may be a link.
func (w *walk) enter(at spot, name string) (spot, error) {
	path := strings.TrimSuffix(at.path, "/") + "/" + name
	handle, err := openat(at.handle, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err == nil {
		return spot{handle, path}, nil
	}
	if !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		return spot{}, wrong("open", path, err)
	}
	handle, err = openat(at.handle, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return spot{}, wrong("open", path, err)
	}
	link := spot{handle, path}
	defer link.close()
	return w.through(at, link)
}

// through goes where a link in a directory leads to.
func (w *walk) through(at, link spot) (spot, error) {
	var dir, status unix.Stat_t
	if err := errors.Join(unix.Fstat(at.handle, &dir), unix.Fstat(link.handle, &status)); err != nil {
		return spot{}, wrong("stat", link.path, err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFLNK {
		return spot{}, wrong("open", link.path, unix.ENOTDIR)
	}
	if w.links++; w.links > mostLinks || magic(at.handle, dir) {
		return spot{}, wrong("open", link.path, unix.ELOOP)
	}
	target, err := readlink(link.handle, "")
	if err != nil {
		return spot{}, wrong("readlink", link.path, err)
	}
	if w.trace {
		real, err := (&Dir{handle: at.handle, path: at.path}).Real()
		if err != nil {
			return spot{}, err
		}
		w.passed = append(w.passed, filepath.Join(real, filepath.Base(link.path)))
	}
	from, err := w.start(at, target)
	if err != nil {
		return spot{}, err
	}
	found, err := w.follow(from, target)
	if err != nil {
		return spot{}, err
	}
	if err := w.trust.transition(at, link, dir, status, target, found); err != nil {
		found.close()
		return spot{}, err
	}
	found.path = link.path
	return found, nil
}

// Follow finds what an absolute path leads to, links at its end followed too, by the rule of this package: a
// name in an open directory, which is no link as far as anybody looked. What it stands for may be of any
// kind.
func Follow(path string) (dir *Dir, name string, err error) {
	dir, name, err = OpenParent(path)
	if err != nil {
		return nil, "", err
	}
	w := &walk{trust: ours()}
	at, name, err := w.last(spot{dir.handle, dir.path}, name)
	if err != nil {
		return nil, "", err
	}
	return &Dir{handle: at.handle, path: at.path}, name, nil
}

// last follows the links at the end of a path, and closes the directory from which it starts.
func (w *walk) last(at spot, name string) (spot, string, error) {
	path := filepath.Join(at.path, name)
	handle, err := openat(at.handle, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	var status unix.Stat_t
	if err == nil {
		defer unix.Close(handle)
		err = unix.Fstat(handle, &status)
	}
	if err == nil && status.Mode&unix.S_IFMT != unix.S_IFLNK {
		return at, name, nil
	}
	defer at.close()
	if err != nil {
		return spot{}, "", wrong("open", path, err)
	}
	return w.throughLast(at, spot{handle, path}, status)
}

// throughLast goes where a link leads to, which need not be a directory.
func (w *walk) throughLast(at, link spot, status unix.Stat_t) (spot, string, error) {
	var dir unix.Stat_t
	if err := unix.Fstat(at.handle, &dir); err != nil {
		return spot{}, "", wrong("stat", at.path, err)
	}
	if w.links++; w.links > mostLinks || magic(at.handle, dir) {
		return spot{}, "", wrong("open", link.path, unix.ELOOP)
	}
	target, err := readlink(link.handle, "")
	if err != nil {
		return spot{}, "", wrong("readlink", link.path, err)
	}
	from, err := w.start(at, target)
	if err != nil {
		return spot{}, "", err
	}
	way, name := filepath.Split(target)
	if name == "" || name == "." || name == ".." {
		way = target
	}
	found, err := w.follow(from, way)
	if err != nil {
		return spot{}, "", err
	}
	if way == target {
		found, name, err = above(found)
	} else {
		found, name, err = w.last(found, name)
	}
	if err != nil {
		return spot{}, "", err
	}
	handle, err := openat(found.handle, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err == nil {
		err = w.trust.transition(at, link, dir, status, target, spot{handle, link.path})
		_ = unix.Close(handle)
	}
	if err != nil {
		found.close()
		return spot{}, "", wrong("open", link.path, err)
	}
	return found, name, nil
}

// above names an open directory in the one that holds it.
func above(found spot) (spot, string, error) {
	defer found.close()
	real, err := (&Dir{handle: found.handle, path: found.path}).Real()
	if err != nil {
		return spot{}, "", err
	}
	dir, name, err := OpenParent(real)
	if err != nil {
		return spot{}, "", err
	}
	return spot{dir.handle, dir.path}, name, nil
}

// start is from where the text of a link is read.
func (w *walk) start(at spot, target string) (spot, error) {
	if strings.HasPrefix(target, "/") {
		return w.root()
	}
	handle, err := openat(at.handle, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	return spot{handle, at.path}, wrong("open", at.path, err)
}

// procRoot is the inode number of the root of procfs, whose own links (self, mounts) are plain text.
const procRoot = 1

// magic reports that a link in this directory stands for an open file, whatever its text says.
func magic(handle int, dir unix.Stat_t) bool {
	var system unix.Statfs_t
	err := repeat(func() error { return unix.Fstatfs(handle, &system) })
	return err == nil && int64(system.Type) == unix.PROC_SUPER_MAGIC && dir.Ino != procRoot
}

// readlink reads the text of a link.
func readlink(dir int, name string) (string, error) {
	text := make([]byte, unix.PathMax+1)
	length := 0
	err := repeat(func() (err error) {
		length, err = unix.Readlinkat(dir, name, text)
		return err
	})
	if err != nil {
		return "", err
	}
	return string(text[:length]), nil
}
