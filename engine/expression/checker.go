package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/gwe-project/gwe/engine/value"
)

// term is a checked part of an expression: what is known of its value, and how to get it.
type term struct {
	node ast.Node
	t    value.Type
	// absent values may be nil; such a term is used only behind ?? or in a comparison with nil.
	absent bool
	// secret terms touch a secret; their value is plain text all the same.
	secret bool
	// constant terms read no name.
	constant bool
	// path is the name that the term is, in its parts: steps, fw, path. It is nil for everything else.
	path []string
	// ifTrue and ifFalse are the paths that are present where a boolean term is true, or false.
	ifTrue, ifFalse []string
	// fallback is set for PATH ?? LITERAL: a result other than the literal proves the path.
	fallback *fallback
	eval     func(*evaluation) any
}

type fallback struct {
	path    []string
	literal any
}

// checker walks the tree of one expression.
type checker struct {
	source  string
	offsets offsets
	scope   Scope
	// present are the paths that are proved at this point of the walk.
	present map[string]bool
	secrets bool
	// locals are let's variables and the elements of the closures around, innermost last.
	locals   []local
	closures []closure
	slots    int
	// visits counts the nodes walked. expr's parser shares the middle of a < b < c, so that a small tree can
	// be a big walk.
	visits int

	references []Reference
	problems   []Problem
}

type local struct {
	name string
	term term
}

// invalid is the term of a part with a problem: it fits everywhere, so that one mistake is told once.
func invalid(node ast.Node) term {
	return term{node: node, t: of(kindNothing), eval: func(*evaluation) any { return nil }}
}

func (c *checker) report(node ast.Node, problem Problem) {
	covered := span(node)
	problem.From, problem.To = c.offsets.byte(covered.From), c.offsets.byte(covered.To)
	c.problems = append(c.problems, problem)
}

// reportAt marks the node's own token instead of all that it covers: an operator, a member's name.
func (c *checker) reportAt(node ast.Node, problem Problem) {
	at := node.Location()
	problem.From, problem.To = c.offsets.byte(at.From), c.offsets.byte(at.To)
	c.problems = append(c.problems, problem)
}

// check gives the term of a node. The term is raw: it may be absent or hold secrets, until use has looked at
// it.
func (c *checker) check(node ast.Node) term {
	if c.visits++; c.visits > maximumVisits {
		if c.visits == maximumVisits+1 {
			c.report(node, Problem{Message: "the expression is too involved", Hint: "split it over vars"})
		}
		return invalid(node)
	}
	switch n := node.(type) {
	case *ast.NilNode:
		return term{node: n, t: of(kindNothing), absent: true, constant: true, eval: func(*evaluation) any { return nil }}
	case *ast.BoolNode:
		return literal(n, value.KindBool, n.Value)
	case *ast.IntegerNode:
		return literal(n, value.KindInt, n.Value)
	case *ast.FloatNode:
		return literal(n, value.KindFloat, n.Value)
	case *ast.StringNode:
		return literal(n, value.KindString, n.Value)
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.ChainNode:
		return c.check(n.Node)
	case *ast.SliceNode:
		return c.slice(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.MapNode:
		return c.mapping(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return c.closure(n)
	case *ast.SequenceNode:
		c.report(node, Problem{Message: "an expression gives one value, not several", Hint: "only let NAME = VALUE; may stand before it"})
	case *ast.BytesNode:
		c.report(node, Problem{Message: "bytes are not a value of a recipe", Hint: "write the text without the b before its quotes"})
	default:
		c.report(node, Problem{Message: "this is not part of the language of recipes", Hint: "docs/expressions.md tells what is"})
	}
	return invalid(node)
}

func literal(node ast.Node, kind value.Kind, v any) term {
	return term{node: node, t: of(kind), constant: true, eval: func(*evaluation) any { return v }}
}

// use takes a term as a value: it must not be absent, its secrets are opened where they may be, and its name
// is noted.
func (c *checker) use(raw term) term {
	if raw.absent {
		c.reportAbsent(raw)
		return invalid(raw.node)
	}
	return c.peek(raw)
}

// peek is use for the places where a value may be absent: left of ?? and in a comparison with nil.
func (c *checker) peek(raw term) term {
	c.refer(raw)
	used := raw
	if len(raw.path) > 0 && !raw.absent && raw.t.Kind != kindNothing {
		// The types said that the value is there. Should the machine know better, this is where it is told.
		used.eval = func(e *evaluation) any {
			v := raw.eval(e)
			if v == nil {
				fail("%s is absent", name(raw.path))
			}
			return v
		}
	}
	if !raw.t.HoldsSecret() {
		return used
	}
	if !c.secrets {
		message := "a secret is used where it would be readable"
		if raw.t.Kind != value.KindSecret {
			message = "this holds a secret, which would be readable here"
		}
		c.report(raw.node, Problem{
			Rule:    "secret-exposed",
			Message: message,
			Hint:    "secrets are allowed in env, headers, stdin, file contents and arguments of type secret",
		})
		return invalid(raw.node)
	}
	inner := used.eval
	used.t, used.secret = opened(raw.t), true
	used.eval = func(e *evaluation) any {
		v := inner(e)
		e.spendOn(v)
		return e.open(v)
	}
	return used
}

// refer notes a name of the scope that is read.
func (c *checker) refer(raw term) {
	if len(raw.path) == 0 || strings.HasPrefix(raw.path[0], "#") {
		return
	}
	for _, known := range c.references {
		if slices.Equal(known.Path, raw.path) {
			return
		}
	}
	covered := span(raw.node)
	c.references = append(c.references, Reference{
		Path: raw.path, From: c.offsets.byte(covered.From), To: c.offsets.byte(covered.To),
	})
}

func (c *checker) reportAbsent(raw term) {
	if raw.t.Kind == kindNothing {
		c.report(raw.node, Problem{Rule: "maybe-absent", Message: "nil is not a value", Hint: "nil stands in comparisons only: x != nil"})
		return
	}
	if len(raw.path) == 0 {
		c.report(raw.node, Problem{Rule: "maybe-absent", Message: "this may be absent", Hint: "say what then: (...) ?? " + example(raw.t)})
		return
	}
	full := name(raw.path)
	c.report(raw.node, Problem{
		Rule:    "maybe-absent",
		Message: full + " may be absent here",
		Hint:    fmt.Sprintf("say what then: %s ?? %s, or make sure before: %s", full, example(raw.t), c.guardFor(raw)),
	})
}

// guardFor writes a condition that proves a path: that of the outermost thing that may be absent.
func (c *checker) guardFor(raw term) string {
	for i := 1; i < len(raw.path); i++ {
		object, ok := c.typeAt(raw.path[:i])
		field, known := object.Field(raw.path[i])
		switch {
		case !ok || !known || !field.Optional || c.present[pathKey(raw.path[:i+1])]:
			continue
		case field.PresentWhen != "":
			return "when: " + name(append(slices.Clone(raw.path[:i]), field.PresentWhen))
		}
		return "when: " + name(raw.path[:i+1]) + " != nil"
	}
	return "when: " + name(raw.path) + " != nil"
}

// typeAt gives the type of a name of the scope.
func (c *checker) typeAt(path []string) (value.Type, bool) {
	if len(path) == 0 {
		return value.Type{}, false
	}
	t, ok := c.scope.names[path[0]]
	for _, part := range path[1:] {
		if t.Kind != value.KindObject {
			return value.Type{}, false
		}
		var field value.Field
		if field, ok = t.Field(part); !ok {
			return value.Type{}, false
		}
		t = field.Type
	}
	return t, ok
}

// given checks under what is proved.
func (c *checker) given(proved []string, check func() term) term {
	before := c.present
	c.present = withPresent(before, proved)
	defer func() { c.present = before }()
	return check()
}

// name writes a path as a recipe does.
func name(path []string) string {
	if strings.HasPrefix(path[0], "#") {
		path = append([]string{"#"}, path[1:]...)
	}
	return strings.Join(path, ".")
}

// example is a literal of a type, for hints.
func example(t value.Type) string {
	switch t.Kind {
	case value.KindInt:
		return "0"
	case value.KindFloat:
		return "0.0"
	case value.KindBool:
		return "false"
	case value.KindDuration:
		return `duration("0s")`
	case value.KindSize:
		return `size("0B")`
	case value.KindVersion:
		return `version("0")`
	case value.KindList:
		return "[]"
	case value.KindMap, value.KindObject:
		return "{}"
	}
	return `""`
}
