package expression

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/expr-lang/expr"

	"github.com/gwe-project/gwe/engine/value"
)

// TestSameAsExpr evaluates with expr-lang itself, too: where both accept an expression, they give the same.
func TestSameAsExpr(t *testing.T) {
	names := map[string]any{
		"n": 3, "f": 1.5, "s": "a,b;c", "yes": true, "l": []any{3, 1, 2}, "m": map[string]any{"k": "v"},
		"o": []any{map[string]any{"a": 1, "b": "x"}, map[string]any{"a": 2, "b": "y"}},
	}
	scope := NewScope().
		With("n", value.Of(value.KindInt)).With("f", value.Of(value.KindFloat)).With("s", textType).With("yes", boolType).
		With("l", value.ListOf(value.Of(value.KindInt))).With("m", value.MapOf(textType)).
		With("o", value.ListOf(value.Object(value.Field{Name: "a", Type: value.Of(value.KindInt)}, value.Field{Name: "b", Type: textType})))
	for _, source := range []string{
		"1 + 2 * 3 - 4", "-n + 1", "7 / 2", "-7 % 4", "2 ** 3 ** 2", "n + f", "n == 3.0", "1 < n < 5", "n > 1 and not yes or false", "!yes || yes",
		`"a" + 'b' + s`, `s contains "b" and s startsWith "a" and s endsWith "c"`, `s matches "[;]" and not (s matches "z")`, `"a" < "b"`, "n in l", "5 not in l", `"k" in m`,
		"l[0] + l[-1]", "l[1:]", "l[:2]", "l[1:2]", "l[:-1]", "s[1:3]", `m.k ?? "d"`, `m["z"] ?? "d"`, `m?.z ?? "d"`, "yes ? 1 : 2", "if yes { 1 } else { 2 }", "let x = n * 2; x + n",
		"1..4", "3..1", "[1, 2, 3] == [1, 2, 3]", `{"a": 1, b: 2}.b`, "len(l) + len(s) + len(m)", "all(l, # > 0)", "any(l, # > 2)", "none(l, # > 2)", "one(l, # > 2)",
		"filter(l, # > 1)", "map(l, # * #index)", "count(l, # > 1)", "sum(l)", "sum(o, .a)", "find(l, # > 1) ?? 0", "findIndex(l, # == 1) ?? -1", "findLast(l, # < 3) ?? 0", "findLastIndex(l, # < 3) ?? -1",
		"sortBy(o, .a, 'desc')", "sortBy(l, #)", "reduce(l, #acc + #)", "reduce(l, #acc + #, 10)", "map(o, .b) | join('-')", "max(l)", "min(1, 2.5)", "mean(l)", "median(l)",
		"abs(-2)", "ceil(1.2)", "floor(-1.2)", "round(2.5)", "int('12')", "int(3.9)", "float('1.5')", "string(5)", "upper(s)", "lower('AB')", "trim(' a ')", "trim('xax', 'x')",
		"trimPrefix('ab', 'a')", "trimSuffix('ab', 'b')", "split(s, ',')", "split('a,b,c', ',', 2)", "splitAfter(s, ',')", "replace('aaa', 'a', 'b')", "replace('aaa', 'a', 'b', 2)", "repeat('ab', 3)",
		"join(['a', 'b'], ',')", "indexOf('aba', 'b')", "lastIndexOf('aba', 'a')", "hasPrefix(s, 'a')", "hasSuffix(s, 'a')", "toBase64('a')", "fromBase64('YQ==')", "toJSON([1, 2])",
		"first(l) ?? 0", "last(l) ?? 0", "take(l, 2)", "reverse(l)", "uniq([1, 1, 2])", "concat(l, [4])", "flatten([[1], [2]])", "sort(l)", "sort(l, 'desc')", "get(l, 1) ?? 0", "keys(m)", "values(m)", "toPairs(m)",
		"bitand(6, 3)", "bitor(6, 3)", "bitxor(6, 3)", "bitnand(6, 3)", "bitnot(5)", "bitshl(1, 4)", "bitshr(-16, 2)", "bitushr(16, 2)", "l | filter(# > 1) | map(# + 1) | sum()",
	} {
		compiled, problems := Compile(source, scope, anyType)
		if len(problems) > 0 {
			t.Errorf("%s: %v", source, problems)
			continue
		}
		got, err := compiled.Evaluate(names)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		want, err := expr.Eval(source, names)
		if err != nil {
			t.Errorf("expr: %s: %v", source, err)
			continue
		}
		if value.Text(got) != value.Text(want) {
			t.Errorf("%s is %s, expr says %s", source, value.Text(got), value.Text(want))
		}
	}
}

// TestSameAsExprAtItsEdges is the same for operators, slices and closures, with empty lists, negative and
// huge numbers, texts of more than ASCII. What gwe refuses, the docs announce.
func TestSameAsExprAtItsEdges(t *testing.T) {
	names := map[string]any{
		"n": 3, "s": "aäö日x", "e": "", "l": []any{3, 1, 2}, "z": []any{}, "m": map[string]any{"k": "v"}, "fl": []any{0.1, 0.2}, "nn": []any{[]any{1, 2}, []any{}},
		"o": []any{map[string]any{"a": 1, "b": "x"}, map[string]any{"a": 2, "b": "y"}},
	}
	numbers, texts := value.ListOf(of(value.KindInt)), of(value.KindString)
	scope := NewScope().With("n", of(value.KindInt)).With("s", texts).With("e", texts).With("l", numbers).With("z", numbers).With("m", value.MapOf(texts)).
		With("fl", value.ListOf(of(value.KindFloat))).With("nn", value.ListOf(numbers)).
		With("o", value.ListOf(value.Object(value.Field{Name: "a", Type: of(value.KindInt)}, value.Field{Name: "b", Type: texts})))
	compared := 0
	for _, source := range edgeSources() {
		want, peerErr := expr.Eval(source, names)
		compiled, problems := Compile(source, scope, anyType)
		var got any
		var err error
		if len(problems) > 0 {
			err = errors.New(problems[0].Message)
		} else {
			got, err = compiled.Evaluate(names)
		}
		compared++
		switch {
		case err == nil && peerErr == nil && shownEdge(got) != shownEdge(want):
			t.Errorf("%s is %s, expr has %s", source, shownEdge(got), shownEdge(want))
		case err == nil && peerErr != nil && !strings.Contains(source, "' "):
			t.Errorf("%s is %s, expr has %v", source, shownEdge(got), peerErr)
		case err != nil && peerErr == nil && !refusedByDocs.MatchString(err.Error()):
			t.Errorf("%s fails with %v, expr has %s", source, err, shownEdge(want))
		}
	}
	if compared < 1200 {
		t.Errorf("only %d expressions were compared", compared)
	}
}

// refusedByDocs are the words for what docs/expressions.md says that gwe refuses where expr gives something.
var refusedByDocs = regexp.MustCompile(`too big for an int|division by zero|of an empty list|is not a number|nil is not a value|no number, or too big|have one type|wants a|reduce started with`)

func edgeSources() (sources []string) {
	positions := []string{"", "0", "1", "2", "3", "4", "-1", "-2", "-3", "-4", "10", "-10"}
	for _, from := range positions {
		for _, to := range positions {
			for _, whole := range []string{"l", "z", "s", "e"} {
				sources = append(sources, whole+"["+from+":"+to+"]")
			}
		}
	}
	for _, at := range positions[1:] {
		sources = append(sources, "l["+at+"] ?? 77", "z["+at+"] ?? 77", "get(l, "+at+") ?? 77", "get(z, "+at+") ?? 77", "take(l, "+at+")", "take(z, "+at+")")
	}
	pairs := func(operators string, operands ...string) {
		for operator := range strings.FieldsSeq(operators) {
			for _, left := range operands {
				for _, right := range operands {
					sources = append(sources, "("+left+") "+operator+" ("+right+")")
				}
			}
		}
	}
	pairs("+ - * / % ** ^ < <= > >= == !=", "0", "1", "-1", "7", "-7", "2", "9223372036854775807")
	pairs("..", "0", "1", "-3", "3")
	pairs("+ - * / ** < >= ==", "0.1", "-2.5", "0", "3", "1e300", "0.2", "0.0")
	pairs("+ < <= == contains startsWith endsWith matches", "''", "'a'", "'äb'", "'日本'", "'B'")
	for _, list := range []string{"l", "z", "fl"} {
		for _, condition := range []string{"# > 1", "# == 99", "true", "false", "#index == 1"} {
			for _, function := range []string{"all", "any", "none", "one", "count", "filter"} {
				sources = append(sources, function+"("+list+", "+condition+")")
			}
			for _, function := range []string{"find", "findIndex", "findLast", "findLastIndex"} {
				sources = append(sources, function+"("+list+", "+condition+") ?? 55")
			}
		}
		for _, form := range []string{
			"map(L, # + 1)", "sum(L)", "sum(L, # * 2)", "mean(L)", "median(L)", "max(L)", "min(L)", "sort(L)", "sort(L, 'desc')", "sortBy(L, -#)", "reduce(L, #acc + #)", "reduce(L, #acc + #, 1)",
			"first(L) ?? 5", "last(L) ?? 5", "reverse(L)", "uniq(L)", "concat(L, L)", "len(L)", "join(map(L, string(#)), ',')", "groupBy(L, string(#))", "toJSON(L)", "1 in L", "L == L", "flatten([L, L])", "flatten(L)",
		} {
			sources = append(sources, strings.ReplaceAll(form, "L", list))
		}
	}
	return append(sources,
		"flatten(nn)", "flatten([[nn]])", "flatten([1, [2, [3]]])", `flatten([["a", "b"], [1, 2, [3, 4]]])`, "flatten([])", "flatten([[[]]])", "flatten([{'a': [1]}])",
		"groupBy(o, .b)", "sortBy(o, .b, 'desc')", "sum(o, .a)", "map(o, .b)", "findIndex(o, .a == 2) ?? 1", "findIndex(o, .a == 9) ?? 7", "count([true, false])", "all([], true)", "mean(1)", "median([1, 2, 3, 4])", "max(1, 2.5)", "max([1, 2.5])", "min(1.0, 1)",
		"round(-2.5)", "round(2.5)", "round(0.49999999999999994)", "ceil(-0.5)", "floor(3)", "int(-3.9)", "int('-12')", "int('012')", "int('0x1F')", "int('1e3')", "int('')", "float('1e3')", "float('.5')", "float('inf')", "float('0x1p2')", "float('1_0')",
		"string(1.0)", "string(1e21)", "string(true)", "trim('  ä ', ' ')", "trim('xyx', '')", "trimPrefix('aa', '')", "split('', ',')", "split('abc', '')", "split('äb', '')", "split('a,b', ',', 0)", "split('a,b', ',', -1)", "split('a,b', ',', 1)",
		"splitAfter('', '')", "splitAfter('a,b,c', ',', 2)", "replace('aaa', '', '-')", "replace('aaa', 'a', 'b', 0)", "replace('aaa', 'a', 'b', -1)", "replace('äöä', 'ä', '日')", "repeat('', 3)", "repeat('a', 0)", "repeat('a', -1)",
		"join([])", "join(['a'])", "join(['a', 'b'])", "indexOf('äb', 'b')", "indexOf('a', '')", "indexOf('', 'a')", "lastIndexOf('äbäb', 'b')", "lastIndexOf('a', '')", "upper('straße')", "lower('İ')", "upper('ǆ')", "len('日本')", "hasPrefix('', '')",
		"fromBase64('')", "fromBase64('YQ')", "toBase64('ä')", "fromJSON('1e3')", "fromJSON('{\"a\": 1.0}')", "toJSON({'b': 1, 'a': 'ä'})", "toJSON(1.0)", "toJSON(1e21)", "keys({})", "values({})", "toPairs({})", "fromPairs([])", "fromPairs([['a', 1], ['a', 2]])",
		"get(m, 'zz') ?? 'd'", "'k' in m", "m['zz'] ?? 'd'", "m == {'k': 'v'}", "[1] == [1.0]", "1 == 1.0", "nil ?? 1", "1 ?? 2", "bitand(-1, 5)", "bitshl(1, 63)", "bitshl(1, 64)", "bitshr(-1, 70)", "bitushr(-1, 1)", "bitushr(-1, 64)", "bitnot(-1)", "bitnand(7, 2)", "bitshl(1, -1)",
		"uniq([1, 1.0, 2])", "uniq(['a', 'A'])", "sort(['b', 'ä', 'a', 'B'])", "sort([2, 1.5])", "s[1:2]", "s matches '^a.'", "s contains '日'", "not (n in l)", "n not in z", "1..0", "(1..3)[1] ?? 0", "l | map(# * 2) | filter(# > 2)", "-n ** 2", "(-2) ** 2", "2 ** -1", "2 ** 0.5",
		"7 % -3", "-7 % 3", "1 / 3", "6 / 3", "0.1 + 0.2", "'ä' > 'z'", "[3,1] == [1,3]", "len(toJSON(m))", `"\u00e4"`,
	)
}
