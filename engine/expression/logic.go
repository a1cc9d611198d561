package expression

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/gwe-project/gwe/engine/value"
)

// logical is "and" and "or". What the left side proves counts on the right, because the right is only looked
// at then.
func (c *checker) logical(node *ast.BinaryNode) term {
	left := c.wantedBool(node.Left)
	both := node.Operator == "and" || node.Operator == "&&"
	known := left.ifFalse
	if both {
		known = left.ifTrue
	}
	right := c.given(known, func() term { return c.wantedBool(node.Right) })
	made := term{node: node, t: of(value.KindBool), secret: left.secret || right.secret, constant: left.constant && right.constant}
	if both {
		made.ifTrue, made.ifFalse = slices.Concat(left.ifTrue, right.ifTrue), common(left.ifFalse, right.ifFalse)
		made.eval = func(e *evaluation) any { return left.eval(e).(bool) && right.eval(e).(bool) }
		return made
	}
	made.ifTrue, made.ifFalse = common(left.ifTrue, right.ifTrue), slices.Concat(left.ifFalse, right.ifFalse)
	made.eval = func(e *evaluation) any { return left.eval(e).(bool) || right.eval(e).(bool) }
	return made
}

func (c *checker) wantedBool(node ast.Node) term {
	found := c.use(c.check(node))
	if !fits(found.t, of(value.KindBool)) {
		c.report(node, Problem{Rule: "expression-type", Message: fmt.Sprintf("expected a bool, found %s", a(found.t)), Hint: "compare it with something: ==, != or <"})
		return invalid(node)
	}
	return found
}

// common lists what both prove.
func common(left, right []string) []string {
	return slices.DeleteFunc(slices.Clone(left), func(path string) bool { return !slices.Contains(right, path) })
}

// unary is "not", + and -.
func (c *checker) unary(node *ast.UnaryNode) term {
	if node.Operator == "not" || node.Operator == "!" {
		inner := c.wantedBool(node.Node)
		made := term{node: node, t: inner.t, secret: inner.secret, constant: inner.constant, ifTrue: inner.ifFalse, ifFalse: inner.ifTrue}
		made.eval = func(e *evaluation) any { return !inner.eval(e).(bool) }
		return made
	}
	inner := c.use(c.check(node.Node))
	if !isNumber(inner.t) && inner.t.Kind != kindNothing {
		c.report(node.Node, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s has no sign: expected a number", a(inner.t)), Hint: "a name has no dash, but _"})
		return invalid(node)
	}
	made := term{node: node, t: inner.t, secret: inner.secret, constant: inner.constant, eval: inner.eval}
	if node.Operator == "-" {
		made.eval = func(e *evaluation) any {
			if float, ok := inner.eval(e).(float64); ok {
				return -float
			}
			return subtractInts(0, inner.eval(e).(int))
		}
	}
	return made
}

// coalesce is LEFT ?? RIGHT: the left side may be absent, and both have one type.
func (c *checker) coalesce(node *ast.BinaryNode) term {
	left := c.peek(c.check(node.Left))
	right := c.check(node.Right)
	if right.absent {
		right = c.peek(right)
	} else {
		right = c.use(right)
	}
	t, ok := unify(left.t, right.t)
	if !ok {
		c.reportAt(node, Problem{
			Message: fmt.Sprintf("both sides of ?? have one type, here %s and %s", a(left.t), a(right.t)),
			Hint:    "write " + example(left.t) + " on the right, for example",
		})
		return invalid(node)
	}
	made := term{
		node: node, t: t, absent: right.absent && left.absent,
		secret: left.secret || right.secret, constant: left.constant && right.constant,
	}
	if len(left.path) > 0 && right.constant && isLiteral(node.Right) {
		literal := right.eval(nil)
		made.fallback = &fallback{path: left.path, literal: literal}
		switch literal {
		case false:
			made.ifTrue = slices.Concat(pathProof(left.path), left.ifTrue)
		case true:
			made.ifFalse = slices.Concat(pathProof(left.path), left.ifFalse)
		}
	}
	made.eval = func(e *evaluation) any {
		if v := left.eval(e); v != nil {
			return v
		}
		return right.eval(e)
	}
	return made
}

func isLiteral(node ast.Node) bool {
	switch node.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	}
	return false
}

// compareNil is X == nil and X != nil.
func (c *checker) compareNil(node *ast.BinaryNode, side ast.Node) term {
	raw := c.check(side)
	c.refer(raw)
	made := term{node: node, t: of(value.KindBool), secret: raw.secret, constant: raw.constant}
	proved := []string{}
	if len(raw.path) > 0 {
		proved = pathProof(raw.path)
	}
	if node.Operator == "==" {
		made.ifFalse = proved
		made.eval = func(e *evaluation) any { return raw.eval(e) == nil }
	} else {
		made.ifTrue = proved
		made.eval = func(e *evaluation) any { return raw.eval(e) != nil }
	}
	return made
}

// conditional is CONDITION ? A : B, and if CONDITION { A } else { B }. Each branch is checked under what the
// condition proves.
func (c *checker) conditional(node *ast.ConditionalNode) term {
	condition := c.wantedBool(node.Cond)
	yes := c.given(condition.ifTrue, func() term { return c.branch(node.Exp1) })
	no := c.given(condition.ifFalse, func() term { return c.branch(node.Exp2) })
	t, ok := unify(yes.t, no.t)
	if !ok {
		c.report(node, Problem{Rule: "expression-type", Message: fmt.Sprintf("both results of a condition have one type, here %s and %s", a(yes.t), a(no.t)), Hint: "convert one of them: string(...)"})
		return invalid(node)
	}
	return term{
		node: node, t: t, absent: yes.absent || no.absent,
		secret:   condition.secret || yes.secret || no.secret,
		constant: condition.constant && yes.constant && no.constant,
		eval: func(e *evaluation) any {
			if condition.eval(e).(bool) {
				return yes.eval(e)
			}
			return no.eval(e)
		},
	}
}

// branch is a result of a condition. It may be absent: then so may be the whole.
func (c *checker) branch(node ast.Node) term {
	return c.peek(c.check(node))
}
