package expression

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"github.com/gwe-project/gwe/engine/value"
)

// closure is what # and .name stand for inside the predicate of filter, map, any, ...
type closure struct {
	element, index, accumulator term
	hasAccumulator              bool
}

// closureNames are the functions that take a predicate: expr's parser knows them by name.
var closureNames = []string{
	"all", "any", "count", "filter", "find", "findIndex", "findLast", "findLastIndex",
	"groupBy", "map", "none", "one", "reduce", "sortBy", "sum",
}

// pointer is #, #index and #acc.
func (c *checker) pointer(node *ast.PointerNode) term {
	if len(c.closures) == 0 {
		c.reportAt(node, Problem{Message: "# stands inside filter, map, any, ... only", Hint: "write the name of the value"})
		return invalid(node)
	}
	around := c.closures[len(c.closures)-1]
	found := around.element
	switch {
	case node.Name == "index":
		found = around.index
	case node.Name == "acc" && around.hasAccumulator:
		found = around.accumulator
	case node.Name != "":
		c.reportAt(node, Problem{Message: fmt.Sprintf("there is no #%s", node.Name), Hint: "# is the element and #index its number; #acc is what reduce has so far"})
		return invalid(node)
	}
	found.node = node
	return found
}

// loop is a checked call of one of closureNames.
type loop struct {
	node       *ast.BuiltinNode
	list, body term
	// start is the third argument, where there is one.
	start *term
	// slot is that of the element; after it lie those of the index and the accumulator.
	slot int
	// round is what one round costs.
	round int
}

// each evaluates the body for every element until visit says stop.
func (l loop) each(e *evaluation, visit func(element, result any) bool) {
	for i, element := range l.list.eval(e).([]any) {
		e.spend(l.round)
		e.slots[l.slot], e.slots[l.slot+1] = element, i
		if !visit(element, l.body.eval(e)) {
			return
		}
	}
}

// closure is a call of one of closureNames.
func (c *checker) closure(node *ast.BuiltinNode) term {
	list := c.use(c.check(node.Arguments[0]))
	if list.t.Kind != value.KindList && list.t.Kind != kindNothing {
		problem := Problem{Rule: "expression-type", Message: fmt.Sprintf("%s goes through a list, not through %s", node.Name, a(list.t))}
		if list.t.Kind == value.KindMap || list.t.Kind == value.KindObject {
			problem.Hint = "take keys(...) or values(...)"
		}
		c.report(node.Arguments[0], problem)
		return invalid(node)
	}
	made := term{node: node, secret: list.secret, constant: list.constant}
	var start *term
	if len(node.Arguments) == 3 {
		third := c.use(c.check(node.Arguments[2]))
		start = &third
		made.secret, made.constant = made.secret || third.secret, made.constant && third.constant
	}
	slot := c.enter(list, node.Name, start)
	body := term{t: elementOf(list.t), constant: true, eval: c.closures[len(c.closures)-1].element.eval}
	before := c.visits
	if len(node.Arguments) > 1 {
		predicate := node.Arguments[1]
		if wrapped, ok := predicate.(*ast.PredicateNode); ok {
			predicate = wrapped.Node
		}
		body = c.use(c.check(predicate))
		body.node = predicate
	}
	c.closures = c.closures[:len(c.closures)-1]
	made.secret, made.constant = made.secret || body.secret, made.constant && body.constant
	// A round costs as much as its body is big.
	around := loop{node: node, list: list, body: body, start: start, slot: slot, round: elementBudget + c.visits - before}
	if !c.finish(around, &made) {
		return invalid(node)
	}
	return made
}

// enter opens the closure's names. It gives the slot of the element; after it lie those of the index and the
// accumulator.
func (c *checker) enter(list term, function string, start *term) int {
	slot := c.slots
	c.slots += 3
	read := func(offset int) func(*evaluation) any {
		return func(e *evaluation) any { return e.slots[slot+offset] }
	}
	around := closure{
		element:        term{t: elementOf(list.t), secret: list.secret, constant: true, path: []string{"#" + strconv.Itoa(slot)}, eval: read(0)},
		index:          term{t: of(value.KindInt), constant: true, eval: read(1)},
		accumulator:    term{t: elementOf(list.t), secret: list.secret, constant: true, eval: read(2)},
		hasAccumulator: function == "reduce",
	}
	if start != nil {
		around.accumulator.t = start.t
	}
	c.closures = append(c.closures, around)
	return slot
}

// finish gives the function's type and its work; false where the predicate does not fit.
func (c *checker) finish(l loop, made *term) bool {
	node, list, body := l.node, l.list, l.body
	wants := func(accepted bool, what string) bool {
		if !accepted && body.t.Kind != kindNothing {
			at := body.node
			if at == nil {
				at = node.Arguments[0]
			}
			c.report(at, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s wants %s for each element, found %s", node.Name, what, a(body.t)), Hint: "write what is to be so of each: .name == \"a\""})
			return false
		}
		return true
	}
	wantsBool := func() bool { return wants(body.t.Kind == value.KindBool, "a bool") }
	switch node.Name {
	case "all", "any", "none":
		stop, result := node.Name != "all", node.Name == "any"
		made.t = of(value.KindBool)
		made.eval = func(e *evaluation) any {
			answer := !result
			l.each(e, func(_, met any) bool {
				if met.(bool) == stop {
					answer = result
					return false
				}
				return true
			})
			return answer
		}
		return wantsBool()
	case "one", "count":
		made.t = of(value.KindInt)
		counted := func(e *evaluation) int {
			count := 0
			l.each(e, func(_, met any) bool {
				if met.(bool) {
					count++
				}
				return true
			})
			return count
		}
		made.eval = func(e *evaluation) any { return counted(e) }
		if node.Name == "one" {
			made.t = of(value.KindBool)
			made.eval = func(e *evaluation) any { return counted(e) == 1 }
		}
		return wantsBool()
	case "filter":
		made.t = list.t
		made.eval = func(e *evaluation) any {
			kept := []any{}
			l.each(e, func(element, met any) bool {
				if met.(bool) {
					kept = append(kept, element)
				}
				return true
			})
			return kept
		}
		return wantsBool()
	case "map":
		made.t = value.ListOf(body.t)
		made.eval = func(e *evaluation) any {
			results := []any{}
			l.each(e, func(_, result any) bool {
				results = append(results, result)
				return true
			})
			return results
		}
		return true
	case "find", "findLast", "findIndex", "findLastIndex":
		l.find(made)
		return wantsBool()
	case "sum":
		made.t = body.t
		made.eval = func(e *evaluation) any {
			var sum any = 0
			if body.t.Kind == value.KindFloat {
				sum = 0.0
			}
			_, add := arithmetic("+", body.t, body.t)
			l.each(e, func(_, result any) bool {
				sum = add(e, sum, result)
				return true
			})
			if made.secret && e.computed != nil {
				tell(e.computed, sum)
			}
			return sum
		}
		return wants(isNumber(body.t), "a number")
	case "groupBy":
		made.t = value.MapOf(list.t)
		made.eval = func(e *evaluation) any {
			groups := map[string]any{}
			l.each(e, func(element, key any) bool {
				e.spendOn(key)
				group, _ := groups[key.(string)].([]any)
				groups[key.(string)] = append(group, element)
				return true
			})
			return groups
		}
		return wants(isText(body.t), "a text")
	case "sortBy":
		return c.finishSort(l, made) && wants(isOrdered(body.t), "a number, a text, a duration, a size or a version")
	}
	return c.finishReduce(l, made)
}

func isOrdered(t value.Type) bool { return isNumber(t) || isText(t) || isMeasure(t) }

// find is find and its kin. What is not there is absent, and so is its index: as a number it would be that of
// another element.
func (l loop) find(made *term) {
	function := l.node.Name
	last := function == "findLast" || function == "findLastIndex"
	found := func(e *evaluation) (element any, index int) {
		index = -1
		position := -1
		l.each(e, func(candidate, met any) bool {
			position++
			if met.(bool) {
				element, index = candidate, position
			}
			return last || !met.(bool)
		})
		return element, index
	}
	if function == "findIndex" || function == "findLastIndex" {
		made.t, made.absent = of(value.KindInt), true
		made.eval = func(e *evaluation) any {
			if _, index := found(e); index >= 0 {
				return index
			}
			return nil
		}
		return
	}
	made.t, made.absent = elementOf(l.list.t), true
	made.eval = func(e *evaluation) any {
		element, _ := found(e)
		return element
	}
}

// finishSort is sortBy: stable, upwards unless "desc" is written.
func (c *checker) finishSort(l loop, made *term) bool {
	down := false
	if l.start != nil {
		direction, ok := l.node.Arguments[2].(*ast.StringNode)
		if !ok || direction.Value != "asc" && direction.Value != "desc" {
			c.report(l.node.Arguments[2], Problem{Message: `the order of sortBy is "asc" or "desc"`, Hint: `write "asc"`})
			return false
		}
		down = direction.Value == "desc"
	}
	made.t = l.list.t
	made.eval = func(e *evaluation) any {
		type keyed struct{ element, key any }
		var all []keyed
		l.each(e, func(element, key any) bool {
			e.spendOn(key)
			all = append(all, keyed{element, key})
			return true
		})
		slices.SortStableFunc(all, func(a, b keyed) int {
			if down {
				return compare(b.key, a.key)
			}
			return compare(a.key, b.key)
		})
		sorted := make([]any, 0, len(all))
		for _, one := range all {
			sorted = append(sorted, one.element)
		}
		return sorted
	}
	return true
}

// finishReduce is reduce. Without a start the first element is it, and an empty list is an error.
func (c *checker) finishReduce(l loop, made *term) bool {
	list, body, start, slot := l.list, l.body, l.start, l.slot
	made.t = elementOf(list.t)
	if start != nil {
		made.t = start.t
	}
	if !fits(body.t, made.t) || body.t.Kind == value.KindAny && made.t.Kind != value.KindAny {
		c.report(body.node, Problem{Message: fmt.Sprintf("reduce started with %s, and here makes %s of it", a(made.t), a(body.t)), Rule: "expression-type", Hint: "start with a value of the type that comes out"})
		return false
	}
	made.eval = func(e *evaluation) any {
		elements := list.eval(e).([]any)
		var accumulated any
		first := 0
		switch {
		case start != nil:
			accumulated = start.eval(e)
		case len(elements) == 0:
			fail("reduce has no start, and the list is empty")
		default:
			accumulated, first = elements[0], 1
		}
		for i := first; i < len(elements); i++ {
			e.spend(l.round)
			e.slots[slot], e.slots[slot+1], e.slots[slot+2] = elements[i], i, accumulated
			accumulated = body.eval(e)
		}
		return accumulated
	}
	return true
}
