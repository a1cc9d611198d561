package expression

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/gwe-project/gwe/engine/value"
)

// binary is every operator with two sides.
func (c *checker) binary(node *ast.BinaryNode) term {
	switch node.Operator {
	case "and", "&&", "or", "||":
		return c.logical(node)
	case "??":
		return c.coalesce(node)
	case "==", "!=":
		if _, isNil := node.Right.(*ast.NilNode); isNil {
			return c.compareNil(node, node.Left)
		}
		if _, isNil := node.Left.(*ast.NilNode); isNil {
			return c.compareNil(node, node.Right)
		}
	}
	left, right := c.use(c.check(node.Left)), c.use(c.check(node.Right))
	made := term{node: node, secret: left.secret || right.secret, constant: left.constant && right.constant}
	if left.t.Kind == kindNothing || right.t.Kind == kindNothing {
		// One side has been reported already.
		made.t, made.eval = of(kindNothing), func(*evaluation) any { return nil }
		switch node.Operator {
		case "==", "!=", "<", ">", "<=", ">=", "in", "matches", "contains", "startsWith", "endsWith":
			made.t = of(value.KindBool)
		}
		return made
	}
	t, calculate := c.operation(node, left, right)
	if calculate == nil {
		return invalid(node)
	}
	made.t = t
	secret := made.secret
	made.eval = func(e *evaluation) any {
		a, b := left.eval(e), right.eval(e)
		if node.Operator != "in" {
			e.spendOn(a, b)
		}
		result := calculate(e, a, b)
		if secret && e.computed != nil {
			tell(e.computed, result, a, b)
		}
		return result
	}
	c.proveByFallback(node, left, right, &made)
	c.proveByBool(node, left, right, &made)
	return made
}

type calculation func(e *evaluation, a, b any) any

// operation gives an operator's result type and what it does, or reports that its sides do not fit.
func (c *checker) operation(node *ast.BinaryNode, left, right term) (value.Type, calculation) {
	l, r := left.t, right.t
	switch node.Operator {
	case "==", "!=":
		if !comparable(l, r) {
			break
		}
		if node.Operator == "==" {
			return of(value.KindBool), func(_ *evaluation, a, b any) any { return equal(a, b) }
		}
		return of(value.KindBool), func(_ *evaluation, a, b any) any { return !equal(a, b) }
	case "<", ">", "<=", ">=":
		if isNumber(l) && isNumber(r) || isText(l) && isText(r) || isMeasure(l) && l.Kind == r.Kind {
			operator := node.Operator
			return of(value.KindBool), func(_ *evaluation, a, b any) any { return ordered(operator, compare(a, b)) }
		}
	case "+", "-", "*", "/", "%", "**", "^":
		if t, calculate := arithmetic(node.Operator, l, r); calculate != nil {
			return t, calculate
		}
	case "contains", "startsWith", "endsWith", "matches":
		if isText(l) && isText(r) {
			return of(value.KindBool), c.textual(node)
		}
	case "in":
		return c.membership(node, l, r)
	case "..":
		if l.Kind == value.KindInt && r.Kind == value.KindInt {
			return value.ListOf(of(value.KindInt)), integers
		}
	}
	c.reportAt(node, c.mismatch(node, left, right))
	return value.Type{}, nil
}

func comparable(l, r value.Type) bool {
	if l.Kind == value.KindAny || r.Kind == value.KindAny {
		return false
	}
	if isNumber(l) && isNumber(r) {
		return true
	}
	_, ok := unify(l, r)
	return ok
}

// mismatch says why an operator's sides do not fit, and what to write.
func (c *checker) mismatch(node *ast.BinaryNode, left, right term) Problem {
	problem := Problem{Rule: "expression-type", Message: fmt.Sprintf("%s does not work with %s and %s", node.Operator, a(left.t), a(right.t))}
	switch node.Operator {
	case "==", "!=", "<", ">", "<=", ">=":
		problem.Message = fmt.Sprintf("%s cannot be compared with %s", a(left.t), a(right.t))
	}
	measure, other := left, right
	if !isMeasure(measure.t) {
		measure, other = right, left
	}
	switch {
	case isMeasure(measure.t) && (isText(other.t) || isNumber(other.t)):
		problem.Hint = fmt.Sprintf("make it %s first: %s", a(measure.t), constructor(measure.t, other))
	case left.t.Kind == value.KindAny || right.t.Kind == value.KindAny:
		problem.Hint = "say first what it is: int(...), string(...), ..."
	case isNumber(left.t) && isText(right.t), isText(left.t) && isNumber(right.t):
		problem.Hint = "convert one side: int(...) or string(...)"
	case node.Operator == "contains" && left.t.Kind == value.KindList:
		problem.Hint = "write ELEMENT in LIST"
	case node.Operator == "+" && left.t.Kind == value.KindList:
		problem.Hint = "write concat(a, b)"
	}
	return problem
}

// constructor writes how to make a measure of what stands there.
func constructor(measure value.Type, other term) string {
	switch literal := other.node.(type) {
	case *ast.StringNode:
		return fmt.Sprintf("%s(%q)", measure.Kind, literal.Value)
	case *ast.IntegerNode:
		unit := map[value.Kind]string{value.KindDuration: "s", value.KindSize: "MiB"}[measure.Kind]
		return fmt.Sprintf("%s(%q)", measure.Kind, strconv.Itoa(literal.Value)+unit)
	}
	return fmt.Sprintf("%s(...)", measure.Kind)
}

// compare gives -1, 0 or 1 for two values that can be ordered.
func compare(a, b any) int {
	switch typed := a.(type) {
	case string:
		return strings.Compare(typed, b.(string))
	case value.Duration:
		return typed.Compare(b.(value.Duration))
	case value.Size:
		return typed.Compare(b.(value.Size))
	case value.Version:
		return typed.Compare(b.(value.Version))
	case int:
		if whole, ok := b.(int); ok {
			return order(typed, whole)
		}
	}
	return order(toFloat(a), toFloat(b))
}

func order[T int | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func ordered(operator string, order int) bool {
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// textual is contains, startsWith, endsWith and matches. A pattern that is written out is checked here.
func (c *checker) textual(node *ast.BinaryNode) calculation {
	switch node.Operator {
	case "contains":
		return func(_ *evaluation, a, b any) any { return strings.Contains(a.(string), b.(string)) }
	case "startsWith":
		return func(_ *evaluation, a, b any) any { return strings.HasPrefix(a.(string), b.(string)) }
	case "endsWith":
		return func(_ *evaluation, a, b any) any { return strings.HasSuffix(a.(string), b.(string)) }
	}
	if pattern, ok := node.Right.(*ast.StringNode); ok {
		compiled, err := regexp.Compile(pattern.Value)
		if err != nil {
			c.reportAt(pattern, patternProblem(err))
			return func(*evaluation, any, any) any { return false }
		}
		return func(_ *evaluation, a, _ any) any {
			return compiled.MatchString(a.(string))
		}
	}
	return func(e *evaluation, a, b any) any {
		e.spend(elementBudget * len(b.(string)))
		compiled, err := regexp.Compile(b.(string))
		if err != nil {
			fail("%s", patternProblem(err).Message)
		}
		return compiled.MatchString(a.(string))
	}
}

func patternProblem(err error) Problem {
	return Problem{
		Message: "the pattern is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "),
		Hint:    `the syntax is RE2's; in backticks \ stands for itself`,
	}
}

// membership is ELEMENT in LIST and NAME in MAP. The latter proves that the entry is there.
func (c *checker) membership(node *ast.BinaryNode, l, r value.Type) (value.Type, calculation) {
	switch {
	case r.Kind == value.KindList && comparable(l, elementOf(r)):
		return of(value.KindBool), func(e *evaluation, a, b any) any {
			return contains(e, b.([]any), a)
		}
	case (r.Kind == value.KindMap || r.Kind == value.KindObject) && isText(l):
		return of(value.KindBool), func(_ *evaluation, a, b any) any {
			return b.(map[string]any)[a.(string)] != nil
		}
	case r.Kind == value.KindList:
		c.reportAt(node, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s cannot be in %s", a(l), a(r)), Hint: "convert what stands left of in"})
	case isText(r):
		c.reportAt(node, Problem{Rule: "expression-type", Message: "in looks into lists and maps, not into text", Hint: "write TEXT contains PART"})
	default:
		c.reportAt(node, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s holds nothing to look for", a(r)), Hint: "in wants a list or a map on its right"})
	}
	return value.Type{}, nil
}

// integers is FROM..TO, both included, empty where FROM is bigger.
func integers(e *evaluation, a, b any) any {
	from, to := a.(int), b.(int)
	if from > to {
		return []any{}
	}
	if count := to - from; count < 0 || count >= budget/elementBudget {
		e.spend(-1)
	}
	e.spend(elementBudget * (to - from + 1))
	list := make([]any, 0, to-from+1)
	for number := from; ; number++ {
		list = append(list, number)
		if number == to {
			return list
		}
	}
}

// proveByFallback sees that (x ?? "") != "" proves x, and so does (x ?? "") == "a".
func (c *checker) proveByFallback(node *ast.BinaryNode, left, right term, made *term) {
	side, other := left, right
	if side.fallback == nil {
		side, other = right, left
	}
	if side.fallback == nil || !isLiteral(other.node) {
		return
	}
	same := equal(side.fallback.literal, other.eval(nil))
	switch {
	case node.Operator == "!=" && same, node.Operator == "==" && !same:
		made.ifTrue = pathProof(side.fallback.path)
	case node.Operator == "==" && same, node.Operator == "!=" && !same:
		made.ifFalse = pathProof(side.fallback.path)
	}
}

// proveByBool sees that x == true proves what x proves, and that NAME in MAP proves the entry.
func (c *checker) proveByBool(node *ast.BinaryNode, left, right term, made *term) {
	if node.Operator == "in" && len(right.path) > 0 {
		if key, ok := node.Left.(*ast.StringNode); ok {
			made.ifTrue = pathProof(append(right.path[:len(right.path):len(right.path)], key.Value))
		}
		return
	}
	literal, ok := node.Right.(*ast.BoolNode)
	if !ok || left.t.Kind != value.KindBool || node.Operator != "==" && node.Operator != "!=" {
		return
	}
	if (node.Operator == "==") == literal.Value {
		made.ifTrue, made.ifFalse = left.ifTrue, left.ifFalse
	} else {
		made.ifTrue, made.ifFalse = left.ifFalse, left.ifTrue
	}
}
