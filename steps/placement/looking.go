package placement

import (
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// descriptors is a Machine that looks at single paths in the directories that the step notes, by no other way
// than the step will act there.
type descriptors struct {
	step.Machine
	run *step.Run
	// here is a directory that is open already, for the paths in it.
	here Location
	// opened is the directory that Lstat found last.
	opened string
}

// Looking is the machine of a run for what a step type decides by before it acts.
func Looking(run *step.Run) step.Machine { return &descriptors{Machine: run.Machine, run: run} }

// Looking is a machine that looks at the paths in the location's directory by its descriptor, for as long as
// that is open: what is found is found where the step acts next.
func (l Location) Looking(run *step.Run) step.Machine {
	return &descriptors{Machine: run.Machine, run: run, here: l}
}

// dir opens the directory that holds a path. done closes it, unless it was open before.
func (d *descriptors) dir(path string) (dir *openat.Dir, name string, done func(), err error) {
	path = filepath.Clean(path)
	if d.here.Dir != nil && path != "/" && filepath.Dir(path) == filepath.Dir(d.here.Path) {
		return d.here.Dir, filepath.Base(path), func() {}, nil
	}
	dir, name, err = d.run.Dir(path)
	return dir, name, dir.Close, err
}

// Plain is the machine behind: for whole trees.
func Plain(machine step.Machine) step.Machine {
	if wrapped, is := machine.(*descriptors); is {
		return wrapped.Machine
	}
	return machine
}

func (d *descriptors) Lstat(path string) (fs.FileInfo, error) {
	if path == "/" {
		return d.Machine.Lstat(path)
	}
	dir, name, done, err := d.dir(path)
	if err != nil {
		return nil, err
	}
	defer done()
	d.opened = filepath.Dir(path)
	return dir.Lstat(name)
}

func (d *descriptors) ReadLink(path string) (string, error) {
	dir, name, done, err := d.dir(path)
	if err != nil {
		return "", err
	}
	defer done()
	return dir.Readlink(name)
}

func (d *descriptors) ReadFile(path string) ([]byte, error) {
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

func (d *descriptors) Open(path string) (fs.File, error) {
	dir, name, done, err := d.dir(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return dir.Open(name)
}
