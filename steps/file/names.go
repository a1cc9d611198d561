package file

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// beside makes a hidden name beside path that nothing else has: the run, and the step within it, are in it.
func beside(path string, run *step.Run, purpose string) string {
	return filepath.Join(filepath.Dir(path), durable.Prefix+purpose+"-"+run.ID+"-"+run.Step)
}

// isOurs tells whether a name is a hidden one of gwe's, of this run or of another: a copy of what an undo needs would stay for ever.
func isOurs(name string) bool { return strings.HasPrefix(name, durable.Prefix) }

// missing marks an error of Plan that only a step changes which puts something there.
func missing(err error, from value.Path) error {
	if why := fault.As(err); why != nil && strings.HasSuffix(why.Code, "-missing") {
		return step.Stands(err, string(from))
	}
	return err
}

// lstat tells what is at path; nil where nothing is.
func lstat(machine step.Machine, path string) (fs.FileInfo, error) {
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

// absolute gives the path from the root, without a trailing slash: an undo may run in another working directory.
func absolute(path value.Path) (string, error) {
	result, err := filepath.Abs(string(path))
	if err != nil {
		return "", fault.New(fault.Errored, "path-unreadable", "the working directory is gone, and %s is relative to it", path).WithCause(err)
	}
	return result, nil
}
