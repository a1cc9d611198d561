package expression

import (
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
		"filter(l, # > 1)", "map(l, # * #index)", "count(l, # > 1)", "sum(l)", "sum(o, .a)", "find(l, # > 1) ?? 0", "findIndex(l, # == 1)", "findLast(l, # < 3) ?? 0", "findLastIndex(l, # < 3)",
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
