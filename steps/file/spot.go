package file

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// spot is a name in an open directory. The directory is nil if it is gone: then nothing is there.
type spot struct {
	dir        *openat.Dir
	name, path string
}

// at opens the directory that holds a path.
func at(run *step.Run, path string) (spot, error) {
	dir, name, err := run.Dir(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) && !step.IsParentChanged(err) {
		return spot{path: path}, nil
	}
	if err != nil {
		return spot{}, durable.Explain(err, "cannot open the directory of %s", path)
	}
	return spot{dir, name, path}, nil
}

func (s spot) close() { s.dir.Close() }

// beside is another name in the same directory; only one of the two is closed.
func (s spot) beside(path, name string) spot { return spot{s.dir, name, path} }

// lstat looks at what is there; nil where nothing is.
func (s spot) lstat() (fs.FileInfo, error) {
	if s.dir == nil {
		return nil, nil
	}
	info, err := s.dir.Lstat(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, durable.Explain(err, "cannot look at %s", s.path)
}

// identity tells what is there from every other file. errors.Is(err, fs.ErrNotExist) where nothing is.
func (s spot) identity() (found openat.Identity, err error) {
	if s.dir != nil {
		found, err = s.dir.IdentityOf(s.name)
	} else {
		err = &fs.PathError{Op: "open", Path: s.path, Err: fs.ErrNotExist}
	}
	return found, durable.Explain(err, "cannot look at %s", s.path)
}

// open is for what needs the directory.
func (s spot) open() (*openat.Dir, error) {
	if s.dir == nil {
		return nil, durable.Explain(&fs.PathError{Op: "open", Path: s.path, Err: fs.ErrNotExist}, "cannot open the directory of %s", s.path)
	}
	return s.dir, nil
}

// remove removes a file durably. It is no error if nothing is there.
func (s spot) remove() error {
	if s.dir == nil {
		return nil
	}
	return durable.RemoveAt(s.dir, s.name)
}

// discard removes what is ours to throw away, with all below it, durably.
func (s spot) discard() error {
	if s.dir == nil {
		return nil
	}
	return durable.DiscardAt(s.dir, s.name)
}

// lookAt is lstat of a path.
func lookAt(run *step.Run, path string) (fs.FileInfo, error) {
	here, err := at(run, path)
	if err != nil {
		return nil, err
	}
	defer here.close()
	return here.lstat()
}

// rename moves what is at one spot to another, durably; what is there must not be replaced, unless replace is true.
func rename(from, to spot, replace bool) error {
	source, err := from.open()
	if err != nil {
		return err
	}
	target, err := to.open()
	if err != nil {
		return err
	}
	if replace {
		return durable.RenameAt(source, from.name, target, to.name)
	}
	return durable.RenameNoReplaceAt(source, from.name, target, to.name)
}

// moveTo is rename without the sync.
func moveTo(from, to spot) error {
	source, err := from.open()
	if err != nil {
		return err
	}
	target, err := to.open()
	if err != nil {
		return err
	}
	return durable.MoveNoReplaceAt(source, from.name, target, to.name)
}

// renamePath is rename for two paths of a step.
func renamePath(run *step.Run, from, to string) error {
	source, err := at(run, from)
	if err != nil {
		return err
	}
	defer source.close()
	target, err := at(run, to)
	if err != nil {
		return err
	}
	defer target.close()
	return rename(source, target, false)
}

// discardPath discards what is at a path of a step.
func discardPath(run *step.Run, path string) error {
	here, err := at(run, path)
	if err != nil {
		return err
	}
	defer here.close()
	return here.discard()
}

// descriptors is a Machine that looks at single paths in the directories that the step notes, by no other way than the step will act there.
type descriptors struct {
	step.Machine
	run *step.Run
}

// looking is the machine of a run for what a step type decides by before it acts.
func looking(run *step.Run) step.Machine { return descriptors{run.Machine, run} }

// plain is the machine behind: for whole trees.
func plain(machine step.Machine) step.Machine {
	if wrapped, is := machine.(descriptors); is {
		return wrapped.Machine
	}
	return machine
}

func (d descriptors) Lstat(path string) (fs.FileInfo, error) {
	if path == "/" {
		return d.Machine.Lstat(path)
	}
	dir, name, err := d.run.Dir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Lstat(name)
}

func (d descriptors) ReadLink(path string) (string, error) {
	dir, name, err := d.run.Dir(path)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return dir.Readlink(name)
}

func (d descriptors) ReadFile(path string) ([]byte, error) {
	if strings.HasPrefix(path, "/proc/") { // what the kernel tells, as of mounts: no directory that the step works in
		return d.Machine.ReadFile(path)
	}
	file, err := d.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

func (d descriptors) Open(path string) (fs.File, error) {
	dir, name, err := d.run.Dir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Open(name)
}
