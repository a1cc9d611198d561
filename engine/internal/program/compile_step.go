package program

import (
	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// modifiers compiles what stands beside the action, and its own for-each and guard: inner is what is visible
// at the action, and after what is visible at its end.
func (c *compiler) modifiers(n *Node, inner, behind visibleNames, timeout *schema.Setting) {
	s, scope, defaults := n.Step, inner.scope(), c.recipe.Defaults
	if s.Name != nil {
		n.Title = c.scalar(*s.Name, textType, scope)
	}
	if n.Composed() != nil {
		timeout, defaults.Retry = nil, nil // the steps within have them
	}
	n.timeout = c.setting(own(s.Timeout, timeout), durationType, scope)
	n.undoTimeout = c.setting(defaults.UndoTimeout, durationType, scope)
	if s.Until != nil {
		n.Until = c.guard(*s.Until, behind.scope().With("result", n.Outputs()))
	}
	retry := s.Retry
	if retry == nil {
		retry = defaults.Retry
	}
	if retry != nil {
		n.Retry = c.retry(retry, n, scope)
	}
}

// own is the step's own setting, or else the recipe's default.
func own(setting, fallback *schema.Setting) *schema.Setting {
	if setting != nil {
		return setting
	}
	return fallback
}

// action compiles what the step does. It gives what is visible at its end.
func (c *compiler) action(n *Node, v visibleNames) visibleNames {
	switch action := n.Step.Action.(type) {
	case schema.Leaf:
		c.leaf(n, action, v.scope())
	case schema.Group:
		return c.group(n, action, v)
	case schema.Parallel:
		return c.parallel(n, action, v)
	case schema.Use:
		c.use(n, action, v.scope())
	case schema.Reboot:
		c.reboot(n, action, v.scope())
	case schema.Confirm:
		c.confirm(n, action, v.scope())
	case schema.HandOver:
		c.handOver(n, action, v.scope())
	case schema.Commit:
		n.Construct = &CommitStep{Text: c.scalar(action.Text, textType, v.scope())}
	case schema.Stop:
		n.Construct = &StopStep{Text: c.scalar(action.Text, textType, v.scope())}
		if c.stopAt < 0 {
			c.stopAt = len(v.above)
		}
	}
	return v
}

func (c *compiler) leaf(n *Node, given schema.Leaf, scope expression.Scope) {
	if given.Type == nil {
		return
	}
	made := &Leaf{stepType: given.Type}
	n.Construct = made
	for _, entry := range given.Arguments.Entries {
		for _, field := range given.Type.Arguments().Fields {
			if field.Name != entry.Key.Text {
				continue
			}
			inner := scope
			if field.Secrets || field.Type.Kind == value.KindSecret {
				inner = scope.AllowSecrets()
			}
			made.arguments = append(made.arguments, NamedValue{field.Name, c.value(entry.Value, field.Type, inner), field.Type})
		}
	}
	n.hideSecrets()
}

func (c *compiler) retry(retry *schema.Retry, n *Node, scope expression.Scope) *retryPolicy {
	policy := &retryPolicy{
		attempts: c.setting(retry.Attempts, intType, scope),
		delay:    c.setting(retry.Delay, durationType, scope),
		factor:   c.setting(retry.Factor, floatType, scope),
		maxDelay: c.setting(retry.MaxDelay, durationType, scope),
		jitter:   c.setting(retry.Jitter, floatType, scope),
		total:    c.setting(retry.Total, durationType, scope),
	}
	if retry.When != nil {
		policy.When = c.guard(*retry.When, scope.With("result", maybe(n.Outputs())).With("error", errorType()))
	}
	return policy
}
