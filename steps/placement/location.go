package placement

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Location is a name in an open directory. The directory is nil if it is gone: then nothing is there.
type Location struct {
	Dir        *openat.Dir
	Name, Path string
}

// At opens the directory that holds a path.
func At(run *step.Run, path string) (Location, error) {
	dir, name, err := run.Dir(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) && !step.IsParentChanged(err) {
		return Location{Path: path}, nil
	}
	if err != nil {
		return Location{}, durable.Explain(err, "cannot open the directory of %s", path)
	}
	return Location{dir, name, path}, nil
}

// Close closes the directory.
func (l Location) Close() { l.Dir.Close() }

// Beside is another name in the same directory, whose path is given; only one of the two is closed.
func (l Location) Beside(path string) Location { return Location{l.Dir, filepath.Base(path), path} }

// Lstat looks at what is there; nil where nothing is.
func (l Location) Lstat() (fs.FileInfo, error) {
	if l.Dir == nil {
		return nil, nil
	}
	info, err := l.Dir.Lstat(l.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, durable.Explain(err, "cannot look at %s", l.Path)
}

// Identity tells what is there from every other file. errors.Is(err, fs.ErrNotExist) where nothing is.
func (l Location) Identity() (found openat.Identity, err error) {
	if l.Dir != nil {
		found, err = l.Dir.IdentityOf(l.Name)
	} else {
		err = &fs.PathError{Op: "open", Path: l.Path, Err: fs.ErrNotExist}
	}
	return found, durable.Explain(err, "cannot look at %s", l.Path)
}

// Directory is for what needs the directory.
func (l Location) Directory() (*openat.Dir, error) {
	if l.Dir == nil {
		return nil, durable.Explain(&fs.PathError{Op: "open", Path: l.Path, Err: fs.ErrNotExist}, "cannot open the directory of %s", l.Path)
	}
	return l.Dir, nil
}

// Remove removes a file durably. It is not an error if nothing is there.
func (l Location) Remove() error {
	if l.Dir == nil {
		return nil
	}
	return durable.RemoveAt(l.Dir, l.Name)
}

// Discard removes what is ours to throw away, with all below it, durably.
func (l Location) Discard() error {
	if l.Dir == nil {
		return nil
	}
	return durable.DiscardAt(l.Dir, l.Name)
}

// LookAt is Lstat of a path.
func LookAt(run *step.Run, path string) (fs.FileInfo, error) {
	here, err := At(run, path)
	if err != nil {
		return nil, err
	}
	defer here.Close()
	return here.Lstat()
}

// Rename moves what is at one location to another, durably; what is there must not be replaced, unless
// replace is true.
func Rename(from, to Location, replace bool) error {
	source, err := from.Directory()
	if err != nil {
		return err
	}
	target, err := to.Directory()
	if err != nil {
		return err
	}
	if replace {
		return durable.RenameAt(source, from.Name, target, to.Name)
	}
	return durable.RenameNoReplaceAt(source, from.Name, target, to.Name)
}

// Move is Rename without the sync.
func Move(from, to Location) error {
	source, err := from.Directory()
	if err != nil {
		return err
	}
	target, err := to.Directory()
	if err != nil {
		return err
	}
	return durable.MoveNoReplaceAt(source, from.Name, target, to.Name)
}

// RenamePath is Rename for two paths of a step.
func RenamePath(run *step.Run, from, to string) error {
	source, err := At(run, from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := At(run, to)
	if err != nil {
		return err
	}
	defer target.Close()
	return Rename(source, target, false)
}

// DiscardPath discards what is at a path of a step.
func DiscardPath(run *step.Run, path string) error {
	here, err := At(run, path)
	if err != nil {
		return err
	}
	defer here.Close()
	return here.Discard()
}
