package engine

import (
	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// waiting is a reboot or a confirm, compiled: where the run is suspended.
type waiting struct {
	single
	cause runstate.Cause
	// within is the time that the run waits; attempts and boots are nil where the usual number holds, hold where await need
	// be true only once, and command where the usual program reboots the machine.
	within, attempts, boots, hold, command dynamic
	// expect is judged once after a boot; await is asked again and again. Both may be nil, and read host and facts as they
	// are when they are asked.
	expect, await *condition
}

// condition is a bare expression, and its text for people.
type condition struct {
	*expression.Expression
	source string
}

func (c *compiler) reboot(n *node, action schema.Reboot, scope expression.Scope) {
	c.startedHere(action.Key)
	w := &waiting{
		cause: runstate.CauseReboot, within: c.setting(action.Within, durationType, scope), attempts: c.setting(action.Attempts, intType, scope),
		expect: c.condition(action.Expect, scope), await: c.condition(action.Await, scope),
	}
	if action.Command != nil {
		w.command = c.value(*action.Command, value.ListOf(textType), scope)
	}
	n.construct = w
}

func (c *compiler) confirm(n *node, action schema.Confirm, scope expression.Scope) {
	c.startedHere(action.Key)
	n.construct = &waiting{
		cause: runstate.CauseConfirm, within: c.setting(action.Within, durationType, scope), boots: c.setting(action.Boots, intType, scope),
		hold: c.setting(action.For, durationType, scope), await: c.condition(action.Until, scope),
	}
}

// startedHere refuses what only the recipe that is started may have.
func (c *compiler) startedHere(key schema.Scalar) {
	if c.prefix != "" {
		c.fail(key.Span, "suspend-not-here", "write it into the recipe that is started, behind the use",
			"%s does not stand in a recipe that another one uses: the run ends here, and goes on in another process", key.Text)
	}
}

func (c *compiler) condition(scalar *schema.Scalar, scope expression.Scope) *condition {
	if scalar == nil {
		return nil
	}
	return &condition{c.guard(*scalar, scope), scalar.Text}
}
