package engine

import (
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// trusted refuses a state directory that a less trusted user could have filled: a journal there says what gwe
// runs and removes. It reads modes and owners only, of the state directory, of the directories above it, and
// of each run's directory with what lies directly in it.
func (e *Engine) trusted() error {
	if e.Untrusted {
		return nil
	}
	return runstate.Trusted(e.State)
}
