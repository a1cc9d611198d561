package engine

import (
	"fmt"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// step compiles one step, without its undo. timeout is the recipe's default.
func (c *compiler) step(s *schema.Step, scope expression.Scope, timeout *schema.Setting) *node {
	n := &node{step: s}
	c.program.byPath[s.Path] = n
	if s.When != nil {
		n.when = c.guard(*s.When, scope)
		if n.when != nil {
			scope = scope.Given(n.when)
		}
	}
	if s.Name != nil {
		n.title = c.scalar(*s.Name, textType, scope)
	}
	c.action(n, scope)

	defaults := c.recipe.Defaults
	n.timeout = c.setting(own(s.Timeout, timeout), durationType, scope)
	n.undoTimeout = c.setting(defaults.UndoTimeout, durationType, c.base)
	if s.Until != nil {
		n.until = c.guard(*s.Until, scope.With("result", n.outputs()))
	}
	retry := s.Retry
	if retry == nil {
		retry = defaults.Retry
	}
	if retry != nil {
		n.retry = c.retry(retry, n, scope)
	}
	return n
}

// own is the step's own setting, or else the recipe's default.
func own(setting, fallback *schema.Setting) *schema.Setting {
	if setting != nil {
		return setting
	}
	return fallback
}

func (c *compiler) action(n *node, scope expression.Scope) {
	switch action := n.step.Action.(type) {
	case schema.Leaf:
		c.leaf(n, action, scope)
	case schema.Commit:
		n.action.commit = c.scalar(action.Text, textType, scope)
	case schema.Stop:
		n.action.stop = c.scalar(action.Text, textType, scope)
	case schema.Group, schema.Parallel, schema.Use:
		c.notYet(n.step.Action.Keyword())
	}
	if n.step.ForEach != nil {
		c.notYet(schema.Scalar{Text: "for-each", Span: n.step.Span})
	}
}

func (c *compiler) leaf(n *node, leaf schema.Leaf, scope expression.Scope) {
	if leaf.Type == nil {
		return
	}
	n.action.stepType = leaf.Type
	for _, entry := range leaf.Arguments.Entries {
		for _, field := range leaf.Type.Arguments().Fields {
			if field.Name != entry.Key.Text {
				continue
			}
			inner := scope
			if field.Secrets || field.Type.Kind == value.KindSecret {
				inner = scope.AllowSecrets()
			}
			n.action.arguments = append(n.action.arguments, namedValue{field.Name, c.value(entry.Value, field.Type, inner), field.Type})
		}
	}
}

func (c *compiler) retry(retry *schema.Retry, n *node, scope expression.Scope) *retryPolicy {
	policy := &retryPolicy{
		attempts: c.setting(retry.Attempts, intType, scope),
		delay:    c.setting(retry.Delay, durationType, scope),
		factor:   c.setting(retry.Factor, floatType, scope),
		maxDelay: c.setting(retry.MaxDelay, durationType, scope),
		jitter:   c.setting(retry.Jitter, floatType, scope),
		total:    c.setting(retry.Total, durationType, scope),
	}
	if retry.When != nil {
		policy.when = c.guard(*retry.When, scope.With("result", maybe(n.outputs())).With("error", errorType()))
	}
	return policy
}

// notYet refuses what the grammar has and no run can carry out.
func (c *compiler) notYet(key schema.Scalar) {
	c.diagnostics = append(c.diagnostics, schema.Diagnostic{
		Severity: schema.Error, Rule: "not-in-this-version", File: c.recipe.File, Span: key.Span,
		Message: fmt.Sprintf("%q is not in this version of gwe yet", key.Text),
	})
}
