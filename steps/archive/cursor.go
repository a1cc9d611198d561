package archive

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
)

// directory is an open directory.
type directory struct {
	name   string
	handle int
	// final are the attributes that it gets when it is left.
	final attributes
}

// cursor stands in one directory of a tree, and holds the directories from the root down to it open. Archives
// are written directory by directory, so most entries lie where the cursor stands, and cost no walk from the
// root.
//
// It is os.Root for many files: a part of a path is only ever opened by its own name from the directory above
// it, and never if it is a symbolic link. os.Root itself walks the whole path for each call, has no times for
// symbolic links, and no hard link from one root to another.
type cursor struct {
	root int
	open []directory
	// enter opens the directory name in the one that handle stands for; leave is called before a directory is
	// closed.
	enter func(handle int, name string) (directory, error)
	leave func(left directory) error
}

// at moves the cursor to a directory and gives its handle.
func (c *cursor) at(parts []string) (int, error) {
	common := 0
	for common < len(parts) && common < len(c.open) && c.open[common].name == parts[common] {
		common++
	}
	if err := c.up(common); err != nil {
		return -1, err
	}
	for _, name := range parts[common:] {
		entered, err := c.enter(c.here(), name)
		if err != nil {
			return -1, err
		}
		c.open = append(c.open, entered)
	}
	return c.here(), nil
}

// here is the handle of the directory in which the cursor stands.
func (c *cursor) here() int {
	if len(c.open) == 0 {
		return c.root
	}
	return c.open[len(c.open)-1].handle
}

// up leaves directories until that many are open below the root.
func (c *cursor) up(depth int) error {
	for len(c.open) > depth {
		last := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		err := c.leave(last)
		_ = unix.Close(last.handle)
		if err != nil {
			return err
		}
	}
	return nil
}

// drop closes all that is open below the root, without more.
func (c *cursor) drop() {
	for _, one := range c.open {
		_ = unix.Close(one.handle)
	}
	c.open = nil
}

// openIn opens a name without following a symbolic link.
func openIn(handle int, name string, flags int, mode uint32) (int, error) {
	for {
		opened, err := unix.Openat(handle, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: name, Err: err}
		}
		return opened, nil
	}
}

// reader is a cursor over a tree that is only read. Directories that are not there, or are symbolic links,
// end in an error.
func reader(root int) *cursor {
	return &cursor{
		root: root,
		enter: func(handle int, name string) (directory, error) {
			opened, err := openIn(handle, name, unix.O_PATH|unix.O_DIRECTORY, 0)
			return directory{name: name, handle: opened}, err
		},
		leave: func(directory) error { return nil },
	}
}

// writer is a cursor over the tree that the extraction fills. It makes the directories that the archive does
// not list, and gives each directory its attributes when nothing more is being put into it.
func (x *extraction) writer(root int) *cursor {
	return &cursor{root: root, enter: x.enterDirectory, leave: func(left directory) error {
		return left.final.apply(left.handle, left.name, x.owners)
	}}
}

// enterDirectory opens a directory of the new tree. One that was left before keeps the attributes it got
// then.
func (x *extraction) enterDirectory(handle int, name string) (directory, error) {
	opened, err := openIn(handle, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		if err := durable.Repeat(func() error { return unix.Mkdirat(handle, name, 0o700) }); err != nil {
			return directory{}, &os.PathError{Op: "mkdir", Path: name, Err: err}
		}
		return x.freshDirectory(handle, name)
	}
	if err != nil {
		return directory{}, err
	}
	var status unix.Stat_t
	if err := unix.Fstat(opened, &status); err != nil {
		_ = unix.Close(opened)
		return directory{}, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if !x.owners && status.Mode&0o700 != 0o700 {
		// Root writes into a read-only directory; others have to open it for themselves once more.
		if err := durable.Repeat(func() error { return unix.Fchmod(opened, 0o700) }); err != nil {
			_ = unix.Close(opened)
			return directory{}, &os.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	return directory{name: name, handle: opened, final: attributesFrom(&status)}, nil
}

// freshDirectory opens a directory that was just made because an entry lies in it, and remembers that the
// archive has not listed it so far.
func (x *extraction) freshDirectory(handle int, name string) (directory, error) {
	opened, err := openIn(handle, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return directory{}, err
	}
	var status unix.Stat_t
	if err := unix.Fstat(opened, &status); err != nil {
		_ = unix.Close(opened)
		return directory{}, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if passed, known := x.passedAt(name); known {
		return directory{name: name, handle: opened, final: passed}, nil
	}
	x.unlisted[status.Ino] = struct{}{}
	return directory{name: name, handle: opened, final: x.implied()}, nil
}
