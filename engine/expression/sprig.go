package expression

import (
	"errors"
	"math"
	"reflect"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/Masterminds/sprig/v3"

	"github.com/gwe-project/gwe/engine/value"
)

// sprigText are sprig's own functions on text. A wrong pattern is an error, never "no match", under the
// names without must- too.
var sprigText = map[string]function{
	"abbrev":     fromSprig("abbrev", "abbrev(int, string) string"),
	"abbrevboth": fromSprig("abbrevboth", "abbrevboth(int, int, string) string"),
	"trunc":      fromSprig("trunc", "trunc(int, string) string"),
	"trimAll":    fromSprig("trimAll", "trimAll(string, string) string"),
	"title":      fromSprig("title", "title(string) string"),
	"untitle":    fromSprig("untitle", "untitle(string) string"),
	"substr":     fromSprig("substr", "substr(int, int, string) string"),
	"nospace":    fromSprig("nospace", "nospace(string) string"),
	"initials":   fromSprig("initials", "initials(string) string"),
	"swapcase":   fromSprig("swapcase", "swapcase(string) string"),
	"snakecase":  fromSprig("snakecase", "snakecase(string) string"),
	"camelcase":  fromSprig("camelcase", "camelcase(string) string"),
	"kebabcase":  fromSprig("kebabcase", "kebabcase(string) string"),
	"wrap":       fromSprig("wrap", "wrap(int, string) string"),
	"wrapWith": grows(fromSprig("wrapWith", "wrapWith(int, string, string) string"), func(arguments []any) (int, int) {
		return len(arguments[2].(string)), len(arguments[1].(string)) + 1
	}),
	"indent":  grows(fromSprig("indent", "indent(int, string) string"), lineGrowth),
	"nindent": grows(fromSprig("nindent", "nindent(int, string) string"), lineGrowth),
	"quote":   fromSprig("quote", "quote(scalar...) string"),
	"squote":  fromSprig("squote", "squote(scalar...) string"),
	"cat":     fromSprig("cat", "cat(scalar...) string"),
	"plural":  fromSprig("plural", "plural(string, string, int) string"),

	"splitList": fromSprig("splitList", "splitList(string, string) list<string>"),
	"sortAlpha": fromSprig("sortAlpha", "sortAlpha(list<scalar>) list<string>"),

	"sha1sum":    fromSprig("sha1sum", "sha1sum(string) string"),
	"sha256sum":  fromSprig("sha256sum", "sha256sum(string) string"),
	"sha512sum":  fromSprig("sha512sum", "sha512sum(string) string"),
	"adler32sum": fromSprig("adler32sum", "adler32sum(string) string"),
	"b32enc":     fromSprig("b32enc", "b32enc(string) string"),
	"urlParse":   fromSprig("urlParse", "urlParse(string) map<string>"),

	"semverCompare": fromSprig("semverCompare", "semverCompare(string, version) bool", "semverCompare(string, string) bool"),

	"regexMatch":             fromSprig("mustRegexMatch", "regexMatch(string, string) bool"),
	"regexFind":              fromSprig("mustRegexFind", "regexFind(string, string) string"),
	"regexFindAll":           fromSprig("mustRegexFindAll", "regexFindAll(string, string, int) list<string>"),
	"regexReplaceAll":        grows(fromSprig("mustRegexReplaceAll", "regexReplaceAll(string, string, string) string"), patternGrowth),
	"regexReplaceAllLiteral": grows(fromSprig("mustRegexReplaceAllLiteral", "regexReplaceAllLiteral(string, string, string) string"), patternGrowth),
	"regexSplit":             fromSprig("mustRegexSplit", "regexSplit(string, string, int) list<string>"),
	"regexQuoteMeta":         fromSprig("regexQuoteMeta", "regexQuoteMeta(string) string"),
}

// sprigLists are sprig's own functions on lists.
var sprigLists = map[string]function{
	"rest":    fromSprig("mustRest", "rest(list<T>) list<T>"),
	"initial": fromSprig("mustInitial", "initial(list<T>) list<T>"),
	"append":  fromSprig("mustPush", "append(list<T>, T) list<T>"),
	"prepend": fromSprig("mustPrepend", "prepend(list<T>, T) list<T>"),
	"compact": fromSprig("mustCompact", "compact(list<T>) list<T>"),
	"chunk":   fromSprig("mustChunk", "chunk(int, list<T>) list<list<T>>"),
}

// sprigNumbers are sprig's arithmetic, on numbers only: sprig itself takes what is not a number for 0. Its
// floats are counted in decimals, so that 0.1 and 0.2 are 0.3; divf gives 16 places after the point.
var sprigNumbers = map[string]function{
	"add1": intFunction("add1(int) int", func(a, _ int) int { return addInts(a, 1) }),
	"add":  intFunction("add(int, int...) int", addInts),
	"sub":  intFunction("sub(int, int) int", subtractInts),
	"mul":  intFunction("mul(int, int...) int", multiplyInts),
	"div": intFunction("div(int, int) int", func(a, b int) int {
		if a == math.MinInt && b == -1 {
			fail("%d / %d is too big for an int", a, b)
		}
		return a / divisor(b)
	}),
	"mod":   intFunction("mod(int, int) int", func(a, b int) int { return a % divisor(b) }),
	"add1f": decimalFunction("add1f", "add1f(float) float"),
	"maxf":  {signatures: []string{"maxf(float, float...) float"}, last: true, call: extreme("maxf", 1)},
	"minf":  {signatures: []string{"minf(float, float...) float"}, last: true, call: extreme("minf", -1)},
	"addf":  decimalFunction("addf", "addf(float, float...) float"),
	"subf":  decimalFunction("subf", "subf(float, float...) float"),
	"mulf":  decimalFunction("mulf", "mulf(float, float...) float"),
	"divf":  decimalFunction("divf", "divf(float, float...) float"),
}

func intFunction(signature string, apply func(a, b int) int) function {
	return function{signatures: []string{signature}, last: true, call: func(_ *evaluation, arguments []any) any {
		if len(arguments) == 1 && strings.HasPrefix(signature, "add1") {
			return apply(arguments[0].(int), 1)
		}
		result := arguments[0].(int)
		for _, argument := range arguments[1:] {
			result = apply(result, argument.(int))
		}
		return result
	}}
}

// decimalCost is what an argument of a decimal function takes from the budget: a float has up to 767 decimal
// digits, and a product has those of all its factors.
const decimalCost = 1 << 10

// decimalFunction is sprig's arithmetic of that name, by github.com/shopspring/decimal.
func decimalFunction(name, signature string) function {
	return function{signatures: []string{signature}, last: true, call: func(e *evaluation, arguments []any) any {
		e.spendProduct(len(arguments)*len(arguments), decimalCost)
		values := make([]reflect.Value, 0, len(arguments))
		for i, argument := range arguments {
			number := toFloat(argument)
			if name == "divf" && i > 0 && number == 0 {
				fail("division by zero")
			}
			values = append(values, reflect.ValueOf(number))
		}
		return finite(callSprig(name, sprigMap()[name], values).(float64))
	}}
}

func divisor(b int) int {
	if b == 0 {
		fail("division by zero")
	}
	return b
}

// sprigMap is made at the first call of one of sprig's functions, because most recipes call none.
var sprigMap = sync.OnceValue(func() map[string]reflect.Value {
	generic := sprig.GenericFuncMap()
	values := make(map[string]reflect.Value, len(generic))
	for name, implementation := range generic {
		values[name] = reflect.ValueOf(implementation)
	}
	return values
})

// fromSprig calls sprig's function of that name. Arguments are brought into the types that it takes, and its
// result into the canonical form.
func fromSprig(name string, signatures ...string) function {
	result := parseSignature(signatures[0]).result
	return function{signatures: signatures, last: true, call: func(_ *evaluation, arguments []any) any {
		implementation := sprigMap()[name]
		t := implementation.Type()
		values := make([]reflect.Value, 0, len(arguments))
		for i, argument := range arguments {
			values = append(values, goValue(argument, parameterType(t, i)))
		}
		results := callSprig(name, implementation, values)
		if float, ok := results.(float64); ok {
			return finite(float)
		}
		return must(value.Convert(plain(result), results))
	}}
}

// plain is a signature's result as a type, with T as any: what went in unchanged comes out unchanged.
func plain(result string) value.Type {
	return resolve(result, map[string]value.Type{"T": of(value.KindAny)})
}

func callSprig(name string, implementation reflect.Value, arguments []reflect.Value) any {
	defer func() {
		// Sprig panics over what it cannot handle, and its words name types of Go.
		recovered := recover()
		if ours, ok := recovered.(failure); ok {
			panic(ours)
		}
		if recovered != nil {
			fail("%s cannot handle these arguments", strings.TrimPrefix(name, "must"))
		}
	}()
	results := implementation.Call(arguments)
	if len(results) == 2 && !results[1].IsNil() {
		err := results[1].Interface().(error)
		if _, pattern := errors.AsType[*syntax.Error](err); pattern {
			fail("%s", patternProblem(err).Message)
		}
		fail("%v", err)
	}
	return results[0].Interface()
}

func parameterType(t reflect.Type, index int) reflect.Type {
	if t.IsVariadic() && index >= t.NumIn()-1 {
		return t.In(t.NumIn() - 1).Elem()
	}
	return t.In(index)
}

// goValue brings a canonical value into the type that a function of Go takes.
func goValue(argument any, t reflect.Type) reflect.Value {
	switch {
	case argument == nil:
		return reflect.Zero(t)
	case t.Kind() == reflect.String:
		return reflect.ValueOf(value.Text(argument))
	case t.Kind() == reflect.Int:
		number := argument.(int)
		if number > math.MaxInt32 || number < math.MinInt32 {
			fail("%d is too big here", number)
		}
		return reflect.ValueOf(number)
	}
	return reflect.ValueOf(argument)
}

// grows makes a function take what it will make, a product, from the budget before it starts.
func grows(f function, product func(arguments []any) (int, int)) function {
	inner := f.call
	f.call = func(e *evaluation, arguments []any) any {
		e.spendProduct(product(arguments))
		return inner(e, arguments)
	}
	return f
}

func lineGrowth(arguments []any) (int, int) {
	return strings.Count(arguments[1].(string), "\n") + 1, arguments[0].(int)
}

// patternGrowth: at most one match before each byte and one at the end, each replaced.
func patternGrowth(arguments []any) (int, int) {
	return len(arguments[1].(string)) + 1, len(arguments[2].(string))
}
