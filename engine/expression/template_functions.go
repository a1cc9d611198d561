package expression

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"text/template"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// TemplateFunctions are sprig's functions for a text/template, as users of Helm know them: sprig's names, and
// sprig's order of arguments everywhere (`trimPrefix "v" .version`). They are the functions of expressions,
// with the same strictness and the same budget, which all calls of one map share: make a map for each
// rendering. What expressions leave out because of what it does is left out here (see LeftOut); what they
// leave out only because they have a syntax of their own for it, dict and until say, is here, for a template
// has none.
//
// Arguments are canonical values (see value.Type).
//
// holds reports whether a secret stands in a text, and computed is told what is made of such texts, so that
// it can be masked too; both may be nil.
func TemplateFunctions(holds func(text string) bool, computed func(text string)) template.FuncMap {
	run := &rendering{evaluation: &evaluation{left: budget}, holds: holds, told: computed, secret: map[string]bool{}}
	made := template.FuncMap{}
	for name, known := range functions {
		if _, sprigs := sprigMap()[name]; sprigs {
			made[name] = forTemplate(run, name, known)
		}
	}
	for _, group := range []map[string]function{sprigOrder, templateFunctions} {
		for name, known := range group {
			made[name] = forTemplate(run, name, known)
		}
	}
	if holds != nil {
		run.watchBuiltins(made)
	}
	return made
}

// LeftOut says why there is no such function in expressions and in templates, though users may know it from
// elsewhere.
func LeftOut(name string) (reason string, left bool) {
	if _, there := templateFunctions[name]; there {
		return "", false
	}
	reason, left = leftOut[name]
	return reason, left
}

// forTemplate makes a function that text/template can call: what does not fit is an error, and so is a panic.
func forTemplate(run *rendering, name string, known function) any {
	return func(arguments ...any) (any, error) {
		for i, argument := range arguments {
			arguments[i] = canonical(argument)
		}
		prepared, err := prepare(name, known, arguments)
		if err != nil {
			return nil, err
		}
		result, err := guarded(func(*evaluation) any {
			run.spendOn(prepared...)
			result := known.call(run.evaluation, prepared)
			run.spendOn(result)
			return result
		}, nil, 0)
		if err == nil && name != "kindOf" {
			run.watch(result, arguments...)
		}
		if result == nil && err == nil {
			// An absent value, the first of an empty list say, is empty: text/template would write "<no
			// value>".
			return "", nil
		}
		return result, err
	}
}

// canonical takes what text/template hands over: its own literals and results of its builtins are Go's.
func canonical(argument any) any {
	switch reflected := reflect.ValueOf(argument); reflected.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if number := reflected.Int(); int64(int(number)) == number { // else a 32-bit machine has no int for it
			return int(number)
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		if number := reflected.Uint(); number <= math.MaxInt {
			return int(number)
		}
	}
	return argument
}

// prepare finds the signature that the arguments fit. A template knows no types beforehand, so T stands for
// anything here.
func prepare(name string, known function, arguments []any) ([]any, error) {
	for _, text := range known.signatures {
		candidate := parseSignature(text)
		if prepared, ok := candidate.take(arguments); ok {
			return prepared, nil
		}
	}
	given := make([]string, 0, len(arguments))
	for _, argument := range arguments {
		given = append(given, kindOf(argument))
	}
	return nil, fault.New(fault.Failed, "expression-failed", "%s does not take (%s)", name, strings.Join(given, ", ")).
		WithHint("it is %s", strings.Join(known.signatures, ", or "))
}

// take gives the arguments as the signature wants them.
func (s signature) take(arguments []any) ([]any, bool) {
	if len(arguments) < s.least() {
		return nil, false
	}
	taken := make([]any, 0, len(arguments))
	for i, argument := range arguments {
		expected, ok := s.parameter(i)
		if !ok || !holds(expected.t, argument) {
			return nil, false
		}
		if whole, isInt := argument.(int); isInt && expected.t == "float" {
			argument = float64(whole)
		}
		taken = append(taken, argument)
	}
	return taken, true
}

// holds reports whether a value may stand where a signature says want.
func holds(want string, argument any) bool {
	if inner, ok := inside(want, "list"); ok {
		list, isList := argument.([]any)
		return isList && !slices.ContainsFunc(list, func(element any) bool { return !holds(inner, element) })
	}
	if inner, ok := inside(want, "map"); ok {
		values, isMap := argument.(map[string]any)
		for _, element := range values {
			isMap = isMap && holds(inner, element)
		}
		return isMap
	}
	switch want {
	case "T", "any", "untyped", "nested":
		return true
	case "string", "int", "bool":
		return kindOf(argument) == want
	case "N", "float":
		return kindOf(argument) == "int" || kindOf(argument) == "float64"
	case "scalar", "ordered":
		return argument != nil && kindOf(argument) != "slice" && kindOf(argument) != "map"
	case "version":
		_, ok := argument.(value.Version)
		return ok
	}
	return false
}

// kindOf is sprig's: Go's name for the kind of a value.
func kindOf(argument any) string {
	if argument == nil {
		return "invalid"
	}
	return reflect.TypeOf(argument).Kind().String()
}

// sprigOrder are the functions of which expressions have expr's form, in sprig's form.
var sprigOrder = map[string]function{
	"trimPrefix": reordered("trimPrefix", "trimPrefix(string, string) string", 1, 0),
	"trimSuffix": reordered("trimSuffix", "trimSuffix(string, string) string", 1, 0),
	"hasPrefix":  reordered("hasPrefix", "hasPrefix(string, string) bool", 1, 0),
	"hasSuffix":  reordered("hasSuffix", "hasSuffix(string, string) bool", 1, 0),
	"contains": {signatures: []string{"contains(string, string) bool"}, call: func(_ *evaluation, arguments []any) any {
		return strings.Contains(arguments[1].(string), arguments[0].(string))
	}},
	"replace": reordered("replace", "replace(string, string, string) string", 2, 0, 1),
	"repeat":  reordered("repeat", "repeat(int, string) string", 1, 0),
	"join":    reordered("join", "join(string, list<scalar>) string", 1, 0),
	"split": {signatures: []string{"split(string, string) map<string>"}, call: func(e *evaluation, arguments []any) any {
		return numbered(split(e, []any{arguments[1], arguments[0]}, strings.SplitN).([]any))
	}},
	"round": {signatures: []string{"round(float, int) float"}, call: fromSprig("round", "round(float, int) float").call},
	"keys": {signatures: []string{"keys(map<any>, map<any>...) list<string>"}, call: func(_ *evaluation, arguments []any) any {
		all := []any{}
		for _, one := range arguments {
			all = append(all, anyList(sortedKeys(one))...)
		}
		return all
	}},
	"max":     {signatures: []string{"max(int, int...) int"}, call: extreme("max", 1)},
	"biggest": {signatures: []string{"biggest(int, int...) int"}, call: extreme("max", 1)},
	"min":     {signatures: []string{"min(int, int...) int"}, call: extreme("min", -1)},
}

// reordered gives a function of expressions whose arguments come in another order: its nth is the one at
// order[n].
func reordered(name, signature string, order ...int) function {
	inner := functions[name].call
	return function{signatures: []string{signature}, call: func(e *evaluation, arguments []any) any {
		turned := make([]any, 0, len(order))
		for _, from := range order {
			turned = append(turned, arguments[from])
		}
		return inner(e, turned)
	}}
}

// numbered gives texts under the names that sprig's split has for them: _0, _1, ...
func numbered(parts []any) any {
	values := make(map[string]any, len(parts))
	for i, part := range parts {
		values[fmt.Sprintf("_%d", i)] = part
	}
	return values
}

// templateFunctions are those of sprig's for which expressions have a syntax of their own.
var templateFunctions = map[string]function{
	"dict": {signatures: []string{"dict(any...) map<any>"}, call: func(_ *evaluation, arguments []any) any {
		if len(arguments)%2 == 1 {
			fail("dict wants a value after every name")
		}
		values := map[string]any{}
		for i := 0; i < len(arguments); i += 2 {
			name, ok := arguments[i].(string)
			if !ok {
				fail("the names in dict are texts")
			}
			values[name] = arguments[i+1]
		}
		return values
	}},
	"tuple": {signatures: []string{"tuple(any...) list<any>"}, call: functions["list"].call},
	"dig": {signatures: []string{"dig(string, any, any, any...) any"}, call: func(_ *evaluation, arguments []any) any {
		names, missing, found := arguments[:len(arguments)-2], arguments[len(arguments)-2], arguments[len(arguments)-1]
		for _, name := range names {
			text, isText := name.(string)
			values, isMap := found.(map[string]any)
			if !isText || !isMap {
				fail("dig wants names, a default and a map")
			}
			inner, there := values[text]
			if !there {
				return missing
			}
			found = inner
		}
		return found
	}},
	"pluck": {signatures: []string{"pluck(string, map<any>, map<any>...) list<any>"}, call: func(_ *evaluation, arguments []any) any {
		found := []any{}
		for _, one := range arguments[1:] {
			if v, there := one.(map[string]any)[arguments[0].(string)]; there {
				found = append(found, v)
			}
		}
		return found
	}},
	"deepEqual": {signatures: []string{"deepEqual(any, any) bool"}, call: func(_ *evaluation, arguments []any) any {
		return equal(arguments[0], arguments[1])
	}},
	"kindOf": {signatures: []string{"kindOf(any) string"}, call: func(_ *evaluation, arguments []any) any { return kindOf(arguments[0]) }},
	"kindIs": {signatures: []string{"kindIs(string, any) bool"}, call: func(_ *evaluation, arguments []any) any {
		return kindOf(arguments[1]) == arguments[0]
	}},
	"all": {signatures: []string{"all(any...) bool"}, call: func(_ *evaluation, arguments []any) any {
		return !slices.ContainsFunc(arguments, isEmpty)
	}},
	"any": {signatures: []string{"any(any...) bool"}, call: func(_ *evaluation, arguments []any) any {
		return slices.ContainsFunc(arguments, func(argument any) bool { return !isEmpty(argument) })
	}},
	"splitn": {signatures: []string{"splitn(string, int, string) map<string>"}, call: func(e *evaluation, arguments []any) any {
		return numbered(split(e, []any{arguments[2], arguments[0], arguments[1]}, strings.SplitN).([]any))
	}},
	"until": {signatures: []string{"until(int) list<int>"}, call: func(e *evaluation, arguments []any) any {
		if arguments[0].(int) < 0 {
			return stepped(e, 0, arguments[0].(int), -1)
		}
		return stepped(e, 0, arguments[0].(int), 1)
	}},
	"untilStep": {signatures: []string{"untilStep(int, int, int) list<int>"}, call: func(e *evaluation, arguments []any) any {
		return stepped(e, arguments[0].(int), arguments[1].(int), arguments[2].(int))
	}},
}

// stepped lists the numbers from start up or down to before stop.
func stepped(e *evaluation, start, stop, by int) any {
	if by == 0 {
		fail("untilStep cannot go in steps of 0")
	}
	numbers := []any{}
	for at := start; by > 0 && at < stop || by < 0 && at > stop; at = addInts(at, by) {
		e.spend(elementBudget)
		numbers = append(numbers, at)
	}
	return numbers
}
