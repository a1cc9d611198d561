package program

import (
	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// Waiting is a reboot or a confirm, compiled: where the run is suspended.
type Waiting struct {
	single
	Cause runstate.Cause
	// Within is the time that the run waits; attempts and boots are nil where the usual number holds, hold
	// where await need be true only once, and command where the usual program reboots the machine.
	Within, attempts, boots, Hold, Command Dynamic
	// Expect is judged once after a boot; await is asked again and again. Both may be nil, and read host and
	// facts as they are when they are asked.
	Expect, Await *Condition
}

// Condition is a bare expression, and its text for people.
type Condition struct {
	*expression.Expression
	Source string
}

func (c *compiler) reboot(n *Node, action schema.Reboot, scope expression.Scope) {
	c.startedHere(action.Key)
	w := &Waiting{
		Cause: runstate.CauseReboot, Within: c.setting(action.Within, durationType, scope), attempts: c.setting(action.Attempts, intType, scope),
		Expect: c.condition(action.Expect, scope), Await: c.condition(action.Await, scope),
	}
	if action.Command != nil {
		w.Command = c.value(*action.Command, value.ListOf(textType), scope)
	}
	n.Construct = w
}

func (c *compiler) confirm(n *Node, action schema.Confirm, scope expression.Scope) {
	c.startedHere(action.Key)
	n.Construct = &Waiting{
		Cause: runstate.CauseConfirm, Within: c.setting(action.Within, durationType, scope), boots: c.setting(action.Boots, intType, scope),
		Hold: c.setting(action.For, durationType, scope), Await: c.condition(action.Until, scope),
	}
}

// startedHere refuses what only the recipe that is started may have.
func (c *compiler) startedHere(key schema.Scalar) {
	if c.prefix != "" {
		c.fail(key.Span, "suspend-not-here", "write it into the recipe that is started, after the use",
			"%s does not stand in a recipe that another one uses: the run ends here, and continues in another process", key.Text)
	}
}

func (c *compiler) condition(scalar *schema.Scalar, scope expression.Scope) *Condition {
	if scalar == nil {
		return nil
	}
	return &Condition{c.guard(*scalar, scope), scalar.Text}
}
