package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// Expression is one compiled expression. It is immutable and may be evaluated by many goroutines.
type Expression struct {
	term       term
	want       value.Type
	slots      int
	references []Reference
	// proved are the paths that are present where a boolean expression is true.
	proved []string
}

// Compile reads and checks a bare expression: when, until and retry.when want a bool. Offsets of problems are
// into source. Where there is a problem the Expression is nil.
func Compile(source string, scope Scope, want value.Type) (*Expression, []Problem) {
	if at := strings.Index(source, opening); at >= 0 {
		return nil, []Problem{{From: at, To: at + len(opening), Message: "this is an expression already", Hint: "leave out ${{ and }}"}}
	}
	return compile(source, 0, scope, want, false)
}

// compile checks one expression that stands at an offset of a text. As text, every scalar is accepted for a
// string.
func compile(source string, offset int, scope Scope, want value.Type, asText bool) (*Expression, []Problem) {
	shifted := func(problems []Problem) []Problem {
		for i := range problems {
			problems[i].From += offset
			problems[i].To += offset
		}
		return sortProblems(problems)
	}
	tree, problem := parse(source)
	if problem != nil {
		return nil, shifted([]Problem{*problem})
	}
	check := &checker{source: source, offsets: offsetsOf(source), scope: scope, present: scope.present, secrets: scope.secrets || isSecret(want)}
	result := check.use(check.check(tree))
	if len(check.problems) == 0 && !accepts(result.t, want, asText) {
		check.wrongResult(result, want)
	}
	compiled := &Expression{term: result, want: want, slots: check.slots, references: check.references, proved: result.ifTrue}
	if len(check.problems) == 0 && result.constant {
		if _, err := compiled.Evaluate(nil); err != nil {
			check.report(tree, problemOf(err))
		}
	}
	if len(check.problems) > 0 {
		return nil, shifted(check.problems)
	}
	for i := range compiled.references {
		compiled.references[i].From += offset
		compiled.references[i].To += offset
	}
	return compiled, nil
}

// isSecret tells the types whose values stay secret: what is opened on the way there is wrapped again at
// once.
func isSecret(t value.Type) bool {
	switch t.Kind {
	case value.KindSecret:
		return true
	case value.KindList, value.KindMap:
		return isSecret(elementOf(t))
	}
	return false
}

func accepts(have, want value.Type, asText bool) bool {
	return fits(have, want) || asText && want.Kind == value.KindString && isScalar(have)
}

// wrongResult says why a result does not fit, and how to make it fit.
func (c *checker) wrongResult(result term, want value.Type) {
	problem := Problem{Rule: "expression-type", Message: fmt.Sprintf("expected %s, found %s", a(want), a(result.t))}
	switch {
	case result.t.Kind == value.KindAny && isScalar(want):
		problem.Hint = fmt.Sprintf("say what it is: %s(...)", converter(want))
	case want.Kind == value.KindBool:
		problem.Hint = "compare it with something: ==, != or <"
	case want.Kind == value.KindString && !isScalar(result.t):
		problem.Hint = "write toJson(...) for its text as JSON"
	case want.Kind == value.KindDuration && isNumber(result.t):
		problem.Hint = `give it a unit: duration(string(...) + "s")`
	case want.Kind == value.KindSize && isNumber(result.t):
		problem.Hint = `give it a unit: size(string(...) + "MiB")`
	case want.Kind == value.KindList && fits(result.t, elementOf(want)):
		problem.Hint = "write [...] for a list of one"
	case want.Kind == value.KindMap && result.t.Kind == value.KindObject:
		for _, field := range result.t.Fields {
			if !fits(field.Type, elementOf(want)) {
				problem.Hint = fmt.Sprintf("%q is %s", field.Name, a(field.Type))
				break
			}
		}
	case isScalar(result.t) && isScalar(want):
		problem.Hint = fmt.Sprintf("%s(...) converts", converter(want))
	}
	if problem.Hint == "" {
		problem.Hint = "take a part of it that is " + a(want) + ", or another value"
	}
	c.report(result.node, problem)
}

// converter names the function that makes a type.
func converter(t value.Type) string {
	switch t.Kind {
	case value.KindInt, value.KindFloat, value.KindDuration, value.KindSize, value.KindVersion, value.KindBool:
		return string(t.Kind)
	}
	return "string"
}

// Evaluate gives the canonical value of the wanted type. Where the expression is secret, an error tells no
// details.
func (e *Expression) Evaluate(names map[string]any) (any, error) {
	result, err := guarded(e.term.eval, names, e.slots)
	if err == nil {
		result, err = convert(e.want, result)
	}
	if err != nil && e.term.secret {
		return nil, withhold(err)
	}
	return result, err
}

// convert gives the canonical value that was wanted; a scalar in the place of text becomes its text.
func convert(want value.Type, result any) (any, error) {
	if want.Kind == value.KindString {
		switch result.(type) {
		case int, bool, float64, value.Duration, value.Size, value.Version:
			return value.Text(result), nil
		}
	}
	return value.Convert(want, result)
}

// Type is the type that was wanted; where that is any, the type that the expression has.
func (e *Expression) Type() value.Type {
	if e.want.Kind == value.KindAny {
		return e.term.t
	}
	return e.want
}

// References lists the names that the expression reads, in order, each once.
func (e *Expression) References() []Reference { return slices.Clone(e.references) }

// Secret reports whether the expression touches a secret: its value must be masked.
func (e *Expression) Secret() bool { return e.term.secret }

// Constant reports whether the expression reads no name, so that its value is known now.
func (e *Expression) Constant() bool { return e.term.constant }
