package placement

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Hidden makes a hidden name beside a path that nothing else has: the run, and the step within it, are in it.
func Hidden(path string, run *step.Run, purpose string) string {
	return filepath.Join(filepath.Dir(path), durable.Prefix+purpose+"-"+run.ID+"-"+run.Step)
}

// Lstat looks at what is at a path; nil where nothing is.
func Lstat(machine step.Machine, path string) (fs.FileInfo, error) {
	info, err := machine.Lstat(path)
	if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && !step.IsParentChanged(err) {
		return nil, nil
	}
	if err != nil && step.IsParentChanged(err) {
		return nil, err
	}
	if err != nil {
		return nil, fault.New(fault.Failed, "path-unreadable", "%s cannot be looked at", path).WithCause(err)
	}
	return info, nil
}

// Absolute gives the path from the root, without a trailing slash: an undo may run in another working
// directory.
func Absolute(path value.Path) (string, error) {
	result, err := filepath.Abs(string(path))
	if err != nil {
		return "", fault.New(fault.Errored, "path-unreadable", "the working directory is gone, and %s is relative to it", path).WithCause(err)
	}
	return result, nil
}

// Unwritable is the error of a file that could not be written.
func Unwritable(path string, err error) error {
	if step.IsParentChanged(err) {
		return err
	}
	return fault.New(fault.Failed, "file-unwritable", "%s cannot be written", path).WithCause(err)
}
