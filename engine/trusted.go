package engine

import (
	"os"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/trust"
)

// trusted refuses a state directory that a less trusted user could have filled: a journal there says what gwe runs and removes. It reads
// modes and owners only, of the state directory, of the directories above it, and of each run's directory with what lies directly in it.
func (e *Engine) trusted() error {
	if e.Untrusted {
		return nil
	}
	return runstate.Trusted(e.State)
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
