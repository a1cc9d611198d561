package proof

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// mostValues bounds how many values of the inputs a guard is tried with.
const mostValues = 4096

// guardDecided: a guard that the limits of its own inputs decide is not a guard. It is tried with every value
// that they may have; where these are too many, with those around each number that it names.
func (c *checker) guardDecided() {
	for _, a := range c.acts {
		seen := a.step.When
		if seen == nil {
			continue
		}
		if _, known := constant(seen); known {
			continue // reach says that
		}
		truth, decided := c.decided(seen)
		switch {
		case !decided:
		case truth:
			c.warn(a.step, seen.Span, GuardDecided, fmt.Sprintf("%s is true for every value that its inputs accept: the step always runs", seen.Text), "leave the when out, or widen the limits of the input")
		default:
			c.report(a.step, seen.Span, GuardDecided, fmt.Sprintf("%s is false for every value that its inputs accept: the step never runs", seen.Text), "see the input's type, enum, min and max; take the step out, or change the guard")
		}
	}
}

// alwaysThere are names that stand for a group of values: the group is there whatever is in it.
var alwaysThere = regexp.MustCompile(`\b(error|inputs|vars|facts|host|run)\s*(==|!=)\s*nil\b`)

// groupIsNil: a group of values is never nil, only its members may be.
func (c *checker) groupIsNil(s *schema.Step) {
	if s.When == nil {
		return
	}
	found := alwaysThere.FindStringSubmatch(s.When.Text)
	if found == nil {
		return
	}
	hint := "ask for one of its members"
	if found[1] == "error" {
		hint = "write error.code " + found[2] + " nil: after a good run its members are absent"
	}
	c.report(s, s.When.Span, GuardDecided, fmt.Sprintf("%s is a group of values, which is always there: %s is %t", found[1], found[0], found[2] == "!="), hint)
}

// decided tells the value that a guard has whatever the inputs are.
func (c *checker) decided(guard *schema.Scalar) (truth, decided bool) {
	object := value.Type{Kind: value.KindObject}
	for _, input := range c.recipe.Inputs {
		object.Fields = append(object.Fields, value.Field{Name: input.Name.Text, Type: input.Type})
	}
	run := value.Object(value.Field{Name: "recovering", Type: value.Of(value.KindBool)})
	scope := expression.NewScope().With("inputs", object).With("run", run)
	compiled, problems := expression.Compile(guard.Text, scope, value.Of(value.KindBool))
	if len(problems) > 0 {
		return false, false
	}
	var names []string
	var domains [][]any
	for _, reference := range compiled.References() {
		if reference.Path[0] == "run" {
			continue // on the way forward it is not recovering
		}
		if len(reference.Path) != 2 {
			return false, false
		}
		domain := c.domain(reference.Path[1], guard.Text)
		if domain == nil || slices.Contains(names, reference.Path[1]) {
			if domain == nil {
				return false, false
			}
			continue
		}
		names, domains = append(names, reference.Path[1]), append(domains, domain)
	}
	inputs := map[string]any{}
	var seen []bool
	var try func(at int) bool
	try = func(at int) bool {
		if at < len(names) {
			for _, one := range domains[at] {
				inputs[names[at]] = one
				if !try(at + 1) {
					return false
				}
			}
			return true
		}
		result, err := compiled.Evaluate(map[string]any{"inputs": inputs, "run": map[string]any{"recovering": false}})
		answer, ok := result.(bool)
		if err != nil || !ok || len(seen) > 0 && seen[0] != answer || len(seen) > mostValues {
			return false
		}
		seen = append(seen, answer)
		return true
	}
	if !try(0) || len(seen) == 0 {
		return false, false
	}
	return seen[0], true
}

var number = regexp.MustCompile(`\d+`)

// domain are the values that an input may have, or enough of them for what the guard compares it with; nil
// where these cannot be told.
func (c *checker) domain(name, guard string) []any {
	at := slices.IndexFunc(c.recipe.Inputs, func(input *schema.Input) bool { return input.Name.Text == name })
	if at < 0 {
		return nil
	}
	input := c.recipe.Inputs[at]
	if len(input.Enum) > 0 {
		return input.Enum
	}
	switch input.Type.Kind {
	case value.KindBool:
		return []any{true, false}
	case value.KindInt:
		return integers(input, guard)
	}
	return nil
}

// far stands for the bound of an input that has none. A guard can calculate with it, also where an int has 32
// bits.
const far = min(1<<40, math.MaxInt/4)

// integers are the values around the input's bounds and around each number that the guard names.
func integers(input *schema.Input, guard string) []any {
	low, bounded := input.Min.(int)
	high, capped := input.Max.(int)
	if !bounded && !capped {
		return nil
	}
	if !bounded {
		low = -far
	}
	if !capped {
		high = far
	}
	found := map[int]bool{}
	add := func(around int) {
		for by := -2; by <= 2; by++ { // at the end of the integers, the sum wraps around
			if one := around + by; one >= low && one <= high {
				found[one] = true
			}
		}
	}
	add(low)
	add(high)
	for _, text := range number.FindAllString(guard, -1) {
		if one, err := strconv.Atoi(text); err == nil {
			add(one)
		}
	}
	var all []any
	for one := range found {
		all = append(all, one)
	}
	return all
}
