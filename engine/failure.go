package engine

import (
	"errors"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// at wraps an error in its step, in these rounds of the for-each around it, once.
func (h *runState) at(n *program.Node, r runstate.Rounds, err error) error {
	var known *StepError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &StepError{Step: h.named(n, r), Err: err, Label: n.Label()}
}
