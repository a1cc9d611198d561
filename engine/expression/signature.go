package expression

import (
	"maps"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// signature is what a function takes and gives, read from text such as
//
//	join(list<string>, string?) string
//	concat(list<T>, list<T>...) list<T>
//
// where ? may be left out and ... may be repeated, T is one type all over, N one type of number, scalar
// whatever has an obvious text, ordered whatever < works with, untyped what has no type (JSON that was read),
// nested what is in the innermost of lists in lists. A result in question marks, T?, may be absent.
type signature struct {
	text       string
	parameters []parameter
	result     string
	absent     bool
}

type parameter struct {
	t        string
	optional bool
	variadic bool
}

func parseSignature(text string) signature {
	_, rest, _ := strings.Cut(text, "(")
	inside, result, _ := strings.Cut(rest, ") ")
	parsed := signature{text: text}
	parsed.result, parsed.absent = strings.CutSuffix(result, "?")
	if inside == "" {
		return parsed
	}
	for part := range strings.SplitSeq(inside, ", ") {
		var one parameter
		part, one.optional = strings.CutSuffix(part, "?")
		one.t, one.variadic = strings.CutSuffix(part, "...")
		parsed.parameters = append(parsed.parameters, one)
	}
	return parsed
}

// parameter gives the parameter that an argument stands for.
func (s signature) parameter(index int) (parameter, bool) {
	if index >= 0 && index < len(s.parameters) {
		return s.parameters[index], true
	}
	if last := len(s.parameters) - 1; last >= 0 && s.parameters[last].variadic {
		return s.parameters[last], true
	}
	return parameter{}, false
}

// least is how many arguments there must be.
func (s signature) least() int {
	count := 0
	for _, one := range s.parameters {
		if !one.optional && !one.variadic {
			count++
		}
	}
	return count
}

// match gives the result's type for arguments of these types; wrong is the first argument that does not fit,
// or -1.
func (s signature) match(arguments []value.Type) (result value.Type, wrong int) {
	bound := map[string]value.Type{}
	for i, argument := range arguments {
		expected, ok := s.parameter(i)
		if !ok || !accept(expected.t, argument, bound) {
			return value.Type{}, i
		}
	}
	return resolve(s.result, bound), -1
}

// accept reports whether an argument fits a parameter's type, and binds T and N.
func accept(want string, have value.Type, bound map[string]value.Type) bool {
	if inner, ok := inside(want, "list"); ok {
		if have.Kind == kindNothing {
			have = value.ListOf(have)
		}
		return have.Kind == value.KindList && accept(inner, elementOf(have), bound)
	}
	if inner, ok := inside(want, "map"); ok {
		switch have.Kind {
		case kindNothing:
			return true
		case value.KindMap:
			return accept(inner, elementOf(have), bound)
		case value.KindObject:
			for _, field := range have.Fields {
				if !accept(inner, field.Type, bound) {
					return false
				}
			}
			return true
		}
		return false
	}
	if want == "nested" {
		for have.Kind == value.KindList {
			have = elementOf(have)
		}
		return bind(want, have, bound)
	}
	if have.Kind == kindNothing {
		return true
	}
	switch want {
	case "T":
		return bind("T", have, bound)
	case "N":
		return isNumber(have) && bind("N", have, bound)
	case "scalar":
		return isScalar(have)
	case "ordered":
		return isOrdered(have) && bind("ordered", have, bound)
	case "any":
		return true
	case "untyped":
		return have.Kind == value.KindAny
	}
	wanted := of(value.Kind(want))
	return fits(have, wanted) && !isMeasure(wanted) || have.Kind == wanted.Kind
}

func bind(name string, have value.Type, bound map[string]value.Type) bool {
	known, ok := bound[name]
	if !ok {
		bound[name] = have
		return true
	}
	joined, ok := unify(known, have)
	if ok && (joined.Kind != value.KindAny || known.Kind == value.KindAny) {
		bound[name] = joined
		return true
	}
	return false
}

// resolve gives the type of a result.
func resolve(text string, bound map[string]value.Type) value.Type {
	if inner, ok := inside(text, "list"); ok {
		return value.ListOf(resolve(inner, bound))
	}
	if inner, ok := inside(text, "map"); ok {
		return value.MapOf(resolve(inner, bound))
	}
	switch text {
	case "T", "N", "ordered", "nested":
		if t, ok := bound[text]; ok {
			return t
		}
		return of(kindNothing)
	}
	return of(value.Kind(text))
}

func inside(text, outer string) (string, bool) {
	inner, ok := strings.CutPrefix(text, outer+"<")
	return strings.TrimSuffix(inner, ">"), ok
}

// Signatures are those of all functions that an expression may call, but for Closures, in the order of their
// names: "join(list<string>, string?) string".
func Signatures() []string { return signaturesOf(functions) }

// TemplateSignatures are the signatures of the functions that only templates have, or that have another order
// of arguments there.
func TemplateSignatures() []string {
	all := maps.Clone(templateFunctions)
	maps.Copy(all, sprigOrder)
	return signaturesOf(all)
}

// Closures are the functions whose last argument is evaluated for each element of a list.
func Closures() []string { return slices.Clone(closureNames) }

func signaturesOf(functions map[string]function) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		all = append(all, functions[name].signatures...)
	}
	return all
}
