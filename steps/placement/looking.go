package placement

import (
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
)

// descriptors is a Machine that looks at single paths in the directories that the step notes, by no other way
// than the step will act there.
type descriptors struct {
	step.Machine
	run *step.Run
	// opened is the directory that Lstat found last.
	opened string
}

// Looking is the machine of a run for what a step type decides by before it acts.
func Looking(run *step.Run) step.Machine { return &descriptors{Machine: run.Machine, run: run} }

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
	dir, name, err := d.run.Dir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	d.opened = filepath.Dir(path)
	return dir.Lstat(name)
}

func (d *descriptors) ReadLink(path string) (string, error) {
	dir, name, err := d.run.Dir(path)
	if err != nil {
		return "", err
	}
	defer dir.Close()
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
	dir, name, err := d.run.Dir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Open(name)
}
