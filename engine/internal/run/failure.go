package run

import (
	"errors"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// At wraps an error in its step, in these rounds of the for-each around it, once.
func (h *State) At(n *program.Node, r runstate.Rounds, err error) error {
	var known *runstate.StepError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &runstate.StepError{Step: h.named(n, r), Err: err, Label: n.Label()}
}
