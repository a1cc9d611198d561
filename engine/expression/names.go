package expression

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/gwe-project/gwe/engine/value"
)

// identifier is a name of the scope, or a variable of let.
func (c *checker) identifier(node *ast.IdentifierNode) term {
	for _, known := range slices.Backward(c.locals) {
		if known.name == node.Value {
			found := known.term
			found.node = node
			return found
		}
	}
	if t, ok := c.scope.names[node.Value]; ok {
		return term{
			node: node, t: t, path: []string{node.Value},
			eval: func(e *evaluation) any { return whole(e.names[node.Value]) },
		}
	}
	if c.told([]string{node.Value}) {
		return invalid(node)
	}
	problem := Problem{Rule: "unknown-name", Message: fmt.Sprintf("there is no name %q here", node.Value)}
	known := c.scope.Names()
	for _, variable := range c.locals {
		known = append(known, variable.name)
	}
	switch {
	case node.Value == "$env":
		problem.Hint = "the environment is out of reach; " + suggest("", known)
	case isFunction(node.Value):
		problem.Message = fmt.Sprintf("%s is a function", node.Value)
		problem.Hint = fmt.Sprintf("call it: %s(...)", node.Value)
	default:
		problem.Hint = c.whereabouts(node.Value, known)
	}
	c.reportAt(node, problem)
	return invalid(node)
}

// whereabouts is the hint for a name that stands alone and is not there: often its owner was left out.
func (c *checker) whereabouts(lone string, known []string) string {
	for _, owner := range []string{"inputs", "vars", "steps", "run", "host"} {
		if _, ok := c.scope.names[owner].Field(lone); ok {
			return fmt.Sprintf("did you mean %s.%s?", owner, lone)
		}
	}
	if told := foreignNames[lone]; told != "" {
		return told
	}
	for _, path := range [][]string{{lone}, {"steps", lone}} {
		if told := c.reason(path); told != "" {
			return told
		}
	}
	hint := suggest(lone, known)
	if strings.HasPrefix(hint, "expected one of") {
		return fmt.Sprintf("a text stands in quotes: %q; the names here are %s", lone, strings.Join(known, ", "))
	}
	return hint
}

// told reports whether the name is declared, and what is wrong with that was said.
func (c *checker) told(path []string) bool { return c.scope.told != nil && c.scope.told(path) }

// reason says why the scope does not have a name; "" where nobody knows.
func (c *checker) reason(path []string) string {
	if c.scope.reason == nil {
		return ""
	}
	return c.scope.reason(path)
}

// foreignMembers are names of outputs in other tools, and ours.
var foreignMembers = map[string]string{"rc": "exit_code", "code": "exit_code", "exitcode": "exit_code", "output": "stdout", "conclusion": "exit_code"}

// memberHint is the hint for a member that is not there.
func (c *checker) memberHint(node *ast.MemberNode, base term, missing string) string {
	known := base.t.FieldNames()
	to := c.offsets.byte(node.Property.Location().To)
	if rest := c.source[min(to, len(c.source)):]; strings.HasPrefix(rest, "-") {
		end := 1 + strings.IndexFunc(rest[1:]+" ", func(r rune) bool { return r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
		if joined := strings.ReplaceAll(missing+rest[:end], "-", "_"); slices.Contains(known, joined) {
			return fmt.Sprintf("write %s: a dash is a minus", joined)
		}
	}
	if missing == "outputs" && len(base.path) == 2 {
		return "leave out .outputs: what a step gives stands after its id"
	}
	if ours := foreignMembers[missing]; slices.Contains(known, ours) {
		return fmt.Sprintf("did you mean %q?", ours)
	}
	if len(base.path) > 0 {
		if told := c.reason(append(slices.Clone(base.path), missing)); told != "" {
			return told
		}
	}
	if len(known) == 0 && len(base.path) == 1 && base.path[0] == "inputs" {
		return "the recipe declares no inputs: add it to inputs"
	}
	if len(known) == 0 && len(base.path) == 2 {
		return "the step gives nothing: `gwe steps TYPE` lists the outputs of its type"
	}
	if len(known) == 0 && len(base.path) == 1 && base.path[0] == "steps" {
		return "no step above has an id: give the one that is meant an id"
	}
	return suggest(missing, known)
}

// member is x.name, x["name"] and x[0]. ?. is accepted and means the same as . does: absence is told by the
// types.
func (c *checker) member(node *ast.MemberNode) term {
	base := c.check(node.Node)
	switch base.t.Kind {
	case kindNothing:
		if base.absent {
			c.report(node.Node, Problem{Message: "nil has no members", Hint: "write the name of what is meant"})
		}
		return invalid(node)
	case value.KindObject:
		return c.objectMember(node, base)
	case value.KindMap:
		return c.mapMember(node, base)
	case value.KindList:
		return c.listMember(node, base)
	case value.KindAny:
		return c.anyMember(node, base)
	}
	c.reportAt(node.Property, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s has no members", a(base.t)), Hint: "leave out what stands after the point"})
	return invalid(node)
}

func (c *checker) objectMember(node *ast.MemberNode, base term) term {
	property, ok := node.Property.(*ast.StringNode)
	if !ok {
		c.report(node.Property, Problem{Message: "the members of an object are named, not computed", Hint: "write the name: .name"})
		return invalid(node)
	}
	field, ok := base.t.Field(property.Value)
	if !ok && len(base.path) > 0 && c.told(append(slices.Clone(base.path), property.Value)) {
		return invalid(node)
	}
	if !ok {
		problem := Problem{Message: fmt.Sprintf("there is no %q here", property.Value), Rule: "unknown-name", Hint: c.memberHint(node, base, property.Value)}
		if len(base.path) > 0 {
			problem.Message = fmt.Sprintf("%s has no %q here", name(base.path), property.Value)
		}
		c.reportAt(node.Property, problem)
		return invalid(node)
	}
	found := c.child(node, base, property.Value, field.Type, field.Optional)
	if field.Type.Kind == value.KindBool && len(found.path) > 0 {
		found.ifTrue = pathProof(found.path)
		found.ifFalse = pathProof(found.path)
		for _, sibling := range base.t.Fields {
			if sibling.PresentWhen == field.Name {
				found.ifTrue = append(found.ifTrue, pathProof(append(slices.Clone(base.path), sibling.Name))...)
			}
		}
	}
	return found
}

// child is a member with a known name.
func (c *checker) child(node *ast.MemberNode, base term, key string, t value.Type, optional bool) term {
	found := term{node: node, t: t, secret: base.secret, constant: base.constant, absent: base.absent || optional}
	if len(base.path) > 0 {
		found.path = append(slices.Clone(base.path), key)
		found.absent = found.absent && !c.present[pathKey(found.path)]
	}
	object := base.eval
	if len(base.path) == 1 && c.scope.has(base.path[0]) {
		object = func(e *evaluation) any { return e.names[base.path[0]] }
	}
	found.eval = func(e *evaluation) any {
		switch object := object(e).(type) {
		case nil:
			return nil
		case map[string]any:
			return object[key]
		case Members:
			return object.Member(key)
		default:
			fail("there is no %q in %s", key, a(typeOf(object)))
			return nil
		}
	}
	return found
}

// mapMember is an entry of a map, which may always be missing.
func (c *checker) mapMember(node *ast.MemberNode, base term) term {
	if property, ok := node.Property.(*ast.StringNode); ok {
		return c.child(node, base, property.Value, elementOf(base.t), true)
	}
	c.refer(base)
	key := c.wanted(node.Property, of(value.KindString), "the key of a map")
	return term{
		node: node, t: elementOf(base.t), absent: true, secret: base.secret || key.secret, constant: base.constant && key.constant,
		eval: func(e *evaluation) any {
			values, _ := base.eval(e).(map[string]any)
			return values[key.eval(e).(string)]
		},
	}
}

// listMember is an element; a negative index counts from the end. The index is checked when it is evaluated.
func (c *checker) listMember(node *ast.MemberNode, base term) term {
	if property, ok := node.Property.(*ast.StringNode); ok {
		c.reportAt(property, Problem{
			Message: fmt.Sprintf("a list has no member %q", property.Value),
			Hint:    "take an element by its number: [0], or go through all: map(LIST, .name)",
		})
		return invalid(node)
	}
	c.refer(base)
	index := c.wanted(node.Property, of(value.KindInt), "the index of a list")
	return term{
		node: node, t: elementOf(base.t), absent: base.absent, secret: base.secret || index.secret, constant: base.constant && index.constant,
		eval: func(e *evaluation) any {
			listed := base.eval(e)
			if listed == nil {
				return nil
			}
			list, at := listed.([]any), index.eval(e).(int)
			position := at
			if at < 0 {
				position += len(list)
			}
			if position < 0 || position >= len(list) {
				fail("there is no element %d: the list has %d", at, len(list))
			}
			return list[position]
		},
	}
}

// anyMember is a member of what has no type, fromJSON's result for one: it is of no type either, and may be
// missing.
func (c *checker) anyMember(node *ast.MemberNode, base term) term {
	c.refer(base)
	property := c.use(c.check(node.Property))
	if !isText(property.t) && property.t.Kind != value.KindInt && property.t.Kind != kindNothing {
		c.report(node.Property, Problem{Message: fmt.Sprintf("%s names no member", a(property.t)), Hint: "write a name or a number"})
	}
	return term{
		node: node, t: of(value.KindAny), absent: true, secret: base.secret || property.secret, constant: base.constant && property.constant,
		eval: func(e *evaluation) any {
			key := property.eval(e)
			switch object := base.eval(e).(type) {
			case map[string]any:
				text, _ := key.(string)
				return object[text]
			case []any:
				if at, ok := key.(int); ok && at >= 0 && at < len(object) {
					return object[at]
				}
			}
			return nil
		},
	}
}

// slice is x[from:to] of a list or a text. Bounds past the end are the end, as in expr.
func (c *checker) slice(node *ast.SliceNode) term {
	base := c.use(c.check(node.Node))
	if base.t.Kind != value.KindList && !isText(base.t) && base.t.Kind != kindNothing {
		c.report(node.Node, Problem{Message: fmt.Sprintf("%s cannot be sliced: only a list and a text can", a(base.t)), Rule: "expression-type", Hint: "make it a text first: string(...)"})
		return invalid(node)
	}
	from := term{t: of(value.KindInt), constant: true, eval: func(*evaluation) any { return 0 }}
	to := term{t: of(value.KindInt), constant: true, eval: func(*evaluation) any { return int(^uint(0) >> 1) }}
	if node.From != nil {
		from = c.wanted(node.From, of(value.KindInt), "a bound")
	}
	if node.To != nil {
		to = c.wanted(node.To, of(value.KindInt), "a bound")
	}
	t := base.t
	if isText(t) {
		t = of(value.KindString)
	}
	secret := base.secret || from.secret || to.secret
	return term{
		node: node, t: t, secret: secret, constant: base.constant && from.constant && to.constant,
		eval: func(e *evaluation) any {
			whole, first, last := base.eval(e), from.eval(e).(int), to.eval(e).(int)
			if text, ok := whole.(string); ok {
				first, last = bounds(first, last, len(text))
				if secret && e.computed != nil {
					tell(e.computed, text[first:last], text)
				}
				return text[first:last]
			}
			list := whole.([]any)
			first, last = bounds(first, last, len(list))
			return list[first:last:last]
		},
	}
}

func bounds(from, to, length int) (int, int) {
	if from < 0 {
		from += length
	}
	if to < 0 {
		to += length
	}
	to = min(max(to, 0), length)
	return min(max(from, 0), to), to
}

// wanted is a part of an expression that must be of one type.
func (c *checker) wanted(node ast.Node, want value.Type, what string) term {
	found := c.use(c.check(node))
	if !fits(found.t, want) {
		c.report(node, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s is %s, not %s", what, a(want), a(found.t)), Hint: "write one, or convert it: int(...), string(...)"})
		return invalid(node)
	}
	return found
}

// typeOf gives the type of a value that has none by the rules, for messages.
func typeOf(v any) value.Type {
	switch v.(type) {
	case string:
		return of(value.KindString)
	case int:
		return of(value.KindInt)
	case bool:
		return of(value.KindBool)
	case float64:
		return of(value.KindFloat)
	case []any:
		return value.Type{Kind: "list"}
	}
	return of(value.KindAny)
}

// array is [a, b]: a list of what its elements have in common.
func (c *checker) array(node *ast.ArrayNode) term {
	elements := make([]term, 0, len(node.Nodes))
	made := term{node: node, t: of(kindNothing), constant: true}
	for _, each := range node.Nodes {
		element := c.use(c.check(each))
		elements = append(elements, element)
		made.t, _ = unify(made.t, element.t)
		made.secret = made.secret || element.secret
		made.constant = made.constant && element.constant
	}
	made.t = value.ListOf(made.t)
	made.eval = func(e *evaluation) any {
		e.spend(elementBudget * len(elements))
		list := make([]any, 0, len(elements))
		for _, element := range elements {
			list = append(list, element.eval(e))
		}
		return list
	}
	return made
}

// mapping is {"a": 1, b: 2}: an object with these members, which fits a map where all members do.
func (c *checker) mapping(node *ast.MapNode) term {
	type entry struct {
		key    string
		member term
	}
	entries := make([]entry, 0, len(node.Pairs))
	made := term{node: node, t: value.Object(), constant: true}
	for _, each := range node.Pairs {
		pair := each.(*ast.PairNode)
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			c.report(pair.Key, Problem{Message: "the keys of a map are written out, not computed", Hint: `write {"a": 1}`})
			continue
		}
		if _, twice := made.t.Field(key.Value); twice {
			c.reportAt(key, Problem{Message: "the key " + strconv.Quote(key.Value) + " is there twice", Hint: "remove one of them"})
			continue
		}
		member := c.use(c.check(pair.Value))
		entries = append(entries, entry{key: key.Value, member: member})
		made.t.Fields = append(made.t.Fields, value.Field{Name: key.Value, Type: member.t})
		made.secret = made.secret || member.secret
		made.constant = made.constant && member.constant
	}
	made.eval = func(e *evaluation) any {
		e.spend(elementBudget * len(entries))
		values := make(map[string]any, len(entries))
		for _, each := range entries {
			values[each.key] = each.member.eval(e)
		}
		return values
	}
	return made
}

// let is let NAME = VALUE; EXPRESSION.
func (c *checker) let(node *ast.VariableDeclaratorNode) term {
	bound := c.check(node.Value)
	if _, taken := c.scope.names[node.Name]; taken || isFunction(node.Name) {
		c.reportAt(node, Problem{Message: fmt.Sprintf("the name %q is taken", node.Name), Hint: "give the variable another name"})
	}
	slot := c.slots
	c.slots++
	variable := bound
	variable.eval = func(e *evaluation) any { return e.slots[slot] }
	c.locals = append(c.locals, local{name: node.Name, term: variable})
	body := c.check(node.Expr)
	c.locals = c.locals[:len(c.locals)-1]
	made := body
	made.constant = body.constant && bound.constant
	made.eval = func(e *evaluation) any {
		e.slots[slot] = bound.eval(e)
		return body.eval(e)
	}
	return made
}
