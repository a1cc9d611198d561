package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/trust"
)

// trusted refuses a state directory that a less trusted user could have filled: a journal there says what gwe runs and removes. It reads
// modes and owners only, of the state directory, of the directories above it, and of each run's directory with what lies directly in it.
func (e *Engine) trusted() error {
	if e.Untrusted {
		return nil
	}
	return e.State.trusted()
}

func (s State) trusted() error {
	weak, err := trust.Find(s.Folder)
	if err != nil {
		return stateUnusable(s.Folder, err)
	}
	if weak != nil {
		return s.untrusted(weak)
	}
	for _, path := range append([]string{s.lock(), s.runs()}, s.entriesOfRuns()...) {
		weak, err := trust.Own(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return stateUnusable(s.Folder, err)
		}
		if weak != nil {
			return s.untrusted(weak)
		}
	}
	return nil
}

// entriesOfRuns lists the runs' directories and what lies directly in each. Below that lie saved files, which keep their owners.
func (s State) entriesOfRuns() (paths []string) {
	runs, _ := os.ReadDir(s.runs()) // what cannot be read is told when it is used
	for _, run := range runs {
		path := filepath.Join(s.runs(), run.Name())
		paths = append(paths, path)
		entries, _ := os.ReadDir(path)
		for _, entry := range entries {
			paths = append(paths, filepath.Join(path, entry.Name()))
		}
	}
	return paths
}

func (s State) untrusted(weak *trust.Weakness) error {
	return fault.New(fault.Refused, "state-untrusted", "cannot use the state directory %s: %v, so its runs may be forged", s.Folder, weak).
		WithHint("look at its runs with `gwe runs` and `gwe show`; if they are yours, run: %s; else choose another directory with --state-dir or GWE_STATE_DIR", weak.Cure())
}

// trustedProgram refuses to run, as root, a program for a fact that a less trusted user can change. What cannot be found is told by its start.
func trustedProgram(fact, name string, environment []string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	path := name
	if !strings.Contains(name, "/") {
		found, err := process.LookPath(name, environment)
		if err != nil {
			return nil
		}
		path = found
	}
	weak, err := trust.Find(path)
	if err != nil || weak == nil {
		return nil
	}
	return fault.New(fault.Refused, "fact-program-untrusted", "cannot run %s as root for the fact %s: %v", path, fact, weak).
		WithHint("run: %s; or install the program where only root can write; for development, set GWE_UNTRUSTED=accept", weak.Cure())
}
