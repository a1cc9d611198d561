package expression

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"

	"github.com/gwe-project/gwe/engine/value"
)

// What the differential tests give to functions, by the type of a parameter: empty, negative, huge, and texts
// of more than ASCII.
var (
	edgeTexts = []any{
		"", "a", "b", "äöü", "a b", " a ", "A,b,,c", ",", "日本語", "e\u0301x", "12", "-1.5", "1.2.3", "a\nb", "aBcDef", "foo_bar-baz qux", "%", "$1", "(", ".", "aaa",
		"/a/../b.c", "\xff", strings.Repeat("x", 50),
	}
	edgeInts   = []any{0, 1, -1, 2, 3, 5, 100, -7, math.MaxInt, math.MinInt, math.MaxInt>>30 + 1}
	edgeFloats = []any{0.0, 1.0, -1.0, 0.1, 0.2, 1.5, 2.5, -2.5, -0.5, 1e308, 5e-324, 1e21, 123456789.125, 0.3}
	edgeLists  = []any{
		[]any{}, []any{1}, []any{3, 1, 2}, []any{1, 1, -2}, []any{"b", "a", "b"}, []any{"", "x"}, []any{"äö", "日本"}, []any{0.1, 0.2, -3.5}, []any{"a"}, []any{true, false},
	}
	edgeNested = []any{[]any{}, []any{[]any{}}, []any{[]any{1}, []any{2, 3}}, []any{[]any{"a", 1}}, []any{[]any{"a", 1}, []any{"a", 2}}, []any{1, []any{2, []any{3}}}}
	edgeMaps   = []any{map[string]any{}, map[string]any{"a": 1}, map[string]any{"a": 0}, map[string]any{"ä": 5}}
)

func edges(parameter string) []any {
	switch parameter {
	case "string":
		return edgeTexts
	case "int":
		return edgeInts
	case "float", "N":
		return slices.Concat(edgeFloats, edgeInts[:6])
	case "bool":
		return []any{true, false}
	case "scalar":
		return slices.Concat(edgeTexts[:12], edgeInts[:5], edgeFloats[:6], []any{true, false})
	case "ordered", "T", "untyped", "any":
		return slices.Concat(edgeTexts[:8], edgeInts[:6], edgeFloats[:5])
	case "list<any>", "list<T>":
		return edgeLists
	case "list<nested>", "list<list<T>>":
		return edgeNested
	case "list<ordered>", "list<scalar>":
		return edgeLists[:9]
	case "list<float>":
		return []any{[]any{}, []any{1}, []any{3, 1, 2}, []any{0.1, 0.2, -3.5}, []any{2.5, 1e308, 1e308}}
	case "list<string>":
		return edgeLists[4:7]
	case "map<any>", "map<T>":
		return edgeMaps
	}
	return nil
}

// someArguments gives arguments that fit a signature, and the types of their parameters; nil where its types
// are gwe's own.
func someArguments(r *rand.Rand, s signature) (arguments []any, parameters []string) {
	for i := 0; i < len(s.parameters); i++ {
		one := s.parameters[i]
		if one.optional && r.IntN(2) == 0 || one.variadic && r.IntN(3) == 0 {
			break
		}
		pool := edges(one.t)
		if pool == nil {
			return nil, nil
		}
		arguments, parameters = append(arguments, pool[r.IntN(len(pool))]), append(parameters, one.t)
		if one.variadic && r.IntN(2) == 0 && len(arguments) < 4 {
			i--
		}
	}
	if len(arguments) < s.least() {
		return nil, nil
	}
	return arguments, parameters
}

// typeOfEdge is the type of an argument; that of an empty list is what the parameter wants.
func typeOfEdge(v any, parameter string) value.Type {
	switch v := v.(type) {
	case string:
		return textType
	case int:
		return of(value.KindInt)
	case float64:
		return of(value.KindFloat)
	case bool:
		return boolType
	case map[string]any:
		return value.MapOf(of(value.KindInt))
	case []any:
		element := map[string]value.Type{
			"list<float>": of(value.KindFloat), "list<ordered>": of(value.KindInt), "list<string>": textType, "list<scalar>": textType, "list<T>": of(value.KindInt),
			"list<list<T>>": value.ListOf(of(value.KindInt)),
		}[parameter]
		if element.Kind == "" {
			element = anyType
		}
		for i, one := range v {
			if t := typeOfEdge(one, ""); i == 0 {
				element = t
			} else if !t.Equal(element) {
				element = anyType
			}
		}
		return value.ListOf(element)
	}
	return anyType
}

// announced are the differences from expr and sprig that docs/expressions.md announces, by what is compared,
// with the reason.
func announced(name string, ours any, err error, theirs any, theirErr error) string {
	said := ""
	if err != nil {
		said = err.Error()
	}
	for part, reason := range map[string]string{
		"too big": "no number turns into another one", "too much": "the work is bounded", "no number": "there is no infinity",
		"is not base": "what cannot be read is an error", "is not JSON": "what cannot be read is an error", "no regular expression": "a wrong pattern is an error",
		"of an empty list": "max, min, mean and median of an empty list are an error", "is not a ": "what cannot be read is an error",
		"after every name": "dict", "names in dict": "dict", "steps of 0": "untilStep",
	} {
		if strings.Contains(said, part) {
			return reason
		}
	}
	switch name {
	case "has", "mustHas", "without", "mustWithout", "deepEqual":
		return "1 == 1.0"
	case "coalesce":
		if err == nil && isEmpty(ours) {
			return "the last one, where all are empty"
		}
	case "biggest", "max", "min", "join", "toString", "toStrings", "string", "trim", "get", "dig":
		if theirErr != nil || reflect.DeepEqual(theirs, "0") {
			return "more types than theirs"
		}
	}
	return ""
}

// TestFunctionsAreTheirPeers gives every function that expr or sprig has too edges of all kinds. Where expr
// and sprig both have a name, it is expr's.
func TestFunctionsAreTheirPeers(t *testing.T) {
	generic := sprig.GenericFuncMap()
	r := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		_, exprs := builtin.Index[name]
		peer, sprigs := generic[name]
		if !exprs && !sprigs {
			continue
		}
		for _, text := range functions[name].signatures {
			for range 200 {
				arguments, parameters := someArguments(r, parseSignature(text))
				if arguments == nil || tooMuch(name, arguments) {
					continue
				}
				names, scope, source := map[string]any{}, NewScope(), name+"("
				for i, argument := range arguments {
					variable := fmt.Sprintf("x%d", i)
					names[variable], scope = argument, scope.With(variable, typeOfEdge(argument, parameters[i]))
					source += map[bool]string{true: ", "}[i > 0] + variable
				}
				compiled, problems := Compile(source+")", scope, anyType)
				if len(problems) > 0 {
					continue // of another type than all others, for example
				}
				got, err := compiled.Evaluate(names)
				var want any
				var peerErr error
				if exprs {
					want, peerErr = expr.Eval(source+")", names)
				} else {
					want, peerErr = called(peer, arguments)
				}
				compared++
				if ours, theirs := shownEdge(got), shownEdge(want); (err == nil) != (peerErr == nil) || err == nil && ours != theirs {
					if announced(name, got, err, theirs, peerErr) == "" {
						t.Errorf("%s(%#v) is %s, %v; they have %s, %v", name, arguments, ours, err, theirs, peerErr)
					}
				}
			}
		}
	}
	if compared < 8000 {
		t.Errorf("only %d calls were compared", compared)
	}
}

// tooMuch tells what sprig would not survive.
func tooMuch(name string, arguments []any) bool {
	grows := slices.Contains([]string{"indent", "nindent", "repeat", "wrap", "wrapWith", "chunk", "mustChunk", "until", "untilStep"}, name)
	return grows && slices.ContainsFunc(arguments, func(argument any) bool {
		number, ok := argument.(int)
		return ok && (number > 1e5 || number < -1e5)
	})
}

func shownEdge(v any) string {
	if list := reflect.ValueOf(v); v == nil || list.Kind() == reflect.Slice && list.Len() == 0 {
		return "nothing" // sprig has nil for an empty list, here and there
	}
	canonical, err := value.Convert(anyType, v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if text := value.Text(canonical); text != "-0" {
		return text
	}
	return "0"
}

// called calls a function of sprig's.
func called(function any, arguments []any) (result any, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("%v", recovered)
		}
	}()
	implementation := reflect.ValueOf(function)
	var values []reflect.Value
	for i, argument := range arguments {
		given, wanted := reflect.ValueOf(argument), parameterType(implementation.Type(), i)
		if !given.Type().AssignableTo(wanted) {
			if !given.CanConvert(wanted) || wanted.Kind() == reflect.String {
				return nil, errors.New("another type")
			}
			given = given.Convert(wanted)
		}
		values = append(values, given)
	}
	results := implementation.Call(values)
	if len(results) == 2 && !results[1].IsNil() {
		return nil, results[1].Interface().(error)
	}
	return results[0].Interface(), nil
}

// TestTemplateFunctionsAreTheirPeers is the same for templates, where all are sprig's.
func TestTemplateFunctionsAreTheirPeers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(TemplateFunctions(nil, nil))) {
		known := functions[name]
		for _, group := range []map[string]function{sprigOrder, templateFunctions} {
			if own, ok := group[name]; ok {
				known = own
			}
		}
		for _, text := range known.signatures {
			for range 80 {
				arguments, _ := someArguments(r, parseSignature(text))
				if arguments == nil || tooMuch(name, arguments) || name == "keys" && len(arguments) > 1 || name == "duration" {
					continue // keys of several maps come in the order of the maps; a duration is text with a unit here
				}
				values, source := map[string]any{}, "{{ "+name
				for i, argument := range arguments {
					variable := fmt.Sprintf("x%d", i)
					values[variable] = argument
					source += " ." + variable
				}
				got, err := executed(source+" }}", TemplateFunctions(nil, nil), values)
				want, peerErr := executed(source+" }}", sprig.TxtFuncMap(), values)
				compared++
				if (err == nil) != (peerErr == nil) || err == nil && got != strings.ReplaceAll(want, "<no value>", "") {
					// What is absent is empty, and not "<no value>"; see forTemplate.
					absent := want == "<no value>" && (name == "coalesce" || got == "[]")
					if announced(name, got, err, want, peerErr) == "" && !absent {
						t.Errorf("%s %#v is %q, %v; sprig has %q, %v", source, arguments, got, err, want, peerErr)
					}
				}
			}
		}
	}
	if compared < 4000 {
		t.Errorf("only %d calls were compared", compared)
	}
}

func executed(text string, functions template.FuncMap, values map[string]any) (string, error) {
	parsed, err := template.New("t").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, values)
	return out.String(), err
}
