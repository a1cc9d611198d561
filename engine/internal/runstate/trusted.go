package runstate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/trust"
)

func Trusted(s State) error {
	weak, err := trust.Find(s.Directory)
	if err != nil {
		return StateUnusable(s.Directory, err)
	}
	if weak != nil {
		return s.untrusted(weak)
	}
	for _, path := range append([]string{LockFile(s), RunsDirectory(s)}, s.entriesOfRuns()...) {
		weak, err := trust.Own(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return StateUnusable(s.Directory, err)
		}
		if weak != nil {
			return s.untrusted(weak)
		}
	}
	return nil
}

// entriesOfRuns lists the runs' directories and what lies directly in each. Below that lie saved files, which
// keep their owners.
func (s State) entriesOfRuns() (paths []string) {
	runs, _ := os.ReadDir(RunsDirectory(s)) // what cannot be read is told when it is used
	for _, run := range runs {
		path := filepath.Join(RunsDirectory(s), run.Name())
		paths = append(paths, path)
		entries, _ := os.ReadDir(path)
		for _, entry := range entries {
			paths = append(paths, filepath.Join(path, entry.Name()))
		}
	}
	return paths
}

func (s State) untrusted(weak *trust.Weakness) error {
	return fault.New(fault.Refused, "state-untrusted", "cannot use the state directory %s: %v, so its runs may be forged", s.Directory, weak).
		WithHint("look at its runs with `gwe runs` and `gwe show`; if they are yours, run: %s; else choose another directory with --state-dir or GWE_STATE_DIR", weak.Cure())
}
