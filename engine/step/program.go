package step

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// MissingProgram reports, for a plan, that a program does not exist: at its path, or in the directories of
// search, a PATH, where its name has no slash. A relative path is below directory. The error is marked by
// Stands, unless a symbolic link is on the way: an earlier step may change what it leads to.
func MissingProgram(machine Machine, program, directory, search string) error {
	if strings.Contains(program, "/") {
		if !filepath.IsAbs(program) {
			program = filepath.Join(directory, program)
		}
		if !lacks(machine, program) {
			return nil
		}
		missing := fault.New(fault.Failed, "process-not-found", "cannot run %s: it does not exist", program).
			WithHint("install it in a step before this one; see what is there: ls -l %s", filepath.Dir(program)).AsPermanent()
		return StandsAt(machine, missing, program)
	}
	directories := filepath.SplitList(search)
	for _, one := range directories {
		if filepath.IsAbs(one) && !lacks(machine, filepath.Join(one, program)) {
			return nil
		}
	}
	return Stands(fault.New(fault.Failed, "process-not-found", "there is no program %s in PATH=%s", program, search).
		WithHint("install it in a step before this one, or give its whole path").AsPermanent(), directories...)
}

// StandsAt marks an error about what is at a path by Stands, unless a symbolic link is on the way: an earlier
// step may change what it leads to.
func StandsAt(machine Machine, err error, path string) error {
	for above := path; above != filepath.Dir(above); above = filepath.Dir(above) {
		if _, link := machine.ReadLink(above); link == nil {
			return err
		}
	}
	return Stands(err, path)
}

// lacks reports whether surely nothing is at a path.
func lacks(machine Machine, path string) bool {
	_, err := machine.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
