package expression

import (
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
)

// TestEveryFunction calls each function at least once.
func TestEveryFunction(t *testing.T) {
	called := map[string]bool{}
	for source, want := range map[string]string{
		`int("12") + int(3.9) + int(fromJson("4"))`:                        "19",
		`float("1.5") + float(1)`:                                          "2.5",
		`bool("true")`:                                                     "true",
		`duration("60s")`:                                                  "1m",
		`size("1024KiB")`:                                                  "1MiB",
		`version("v1.2")`:                                                  "v1.2",
		`string([1, "a"])`:                                                 `[1,"a"]`,
		`1.5 | toString()`:                                                 "1.5",
		`toStrings([1, true])`:                                             `["1","true"]`,
		`bytes(size("1KiB"))`:                                              "1024",
		`seconds(duration("1m"))`:                                          "60",
		`upper("a") + lower("B")`:                                          "Ab",
		`trim(" a ") + trim("xax", "x")`:                                   "aa",
		`trimPrefix("ab", "a") + trimSuffix("ab", "b")`:                    "ba",
		`hasPrefix("ab", "a") and hasSuffix("ab", "b")`:                    "true",
		`indexOf("aba", "a") + lastIndexOf("aba", "a")`:                    "2",
		`split("a,b,c", ",", 2)`:                                           `["a","b,c"]`,
		`splitAfter("a,b", ",")`:                                           `["a,","b"]`,
		`replace("aaa", "a", "b", 2)`:                                      "bba",
		`repeat("ab", 2)`:                                                  "abab",
		`join([1, 2], "-") + join(["a"])`:                                  "1-2a",
		`toBase64("a") + ("a" | b64enc())`:                                 "YQ==YQ==",
		`fromBase64("YQ==") + b64dec("YQ==")`:                              "aa",
		`base("/a/b.c") + dir("/a/b") + clean("/x/../y")`:                  "b.c/a/y",
		`ext("a.gz") + string(isAbs("/a"))`:                                ".gztrue",
		`true ? "a" : fail("no")`:                                          "a",
		`abs(-1) + abs(2)`:                                                 "3",
		`ceil(1.2) + floor(1.8) + round(1.5)`:                              "5",
		`max(1, 2, 3) - min([1, 2])`:                                       "2",
		`mean(1, 2) + median([1, 2, 9])`:                                   "3.5",
		`bitand(6, 3) + bitor(6, 3) + bitxor(6, 3)`:                        "14",
		`bitnand(6, 3) + bitnot(0)`:                                        "3",
		`bitshl(1, 4) + bitshr(16, 2) + bitushr(16, 3)`:                    "22",
		`len("äb") + len([1]) + len({"a": 1})`:                             "4",
		`(first([1]) ?? 0) + (last([2]) ?? 0) + (get([3], 0) ?? 0)`:        "6",
		`get({"a": 1}, "a") ?? 0`:                                          "1",
		`take([1, 2, 3], 2)`:                                               "[1,2]",
		`reverse([1, 2])`:                                                  "[2,1]",
		`concat([1], [2], [])`:                                             "[1,2]",
		`flatten([[1], [2, [3]]])`:                                         "[1,2,3]",
		`uniq([1, 2, 1])`:                                                  "[1,2]",
		`[version("1.2")] | has(version("1.2.0"))`:                         "true",
		`without([1, 2, 3], 2)`:                                            "[1,3]",
		`sort([3, 1, 2], "desc")`:                                          "[3,2,1]",
		`keys({"b": 1, "a": 2})`:                                           `["a","b"]`,
		`values({"b": 1, "a": 2})`:                                         "[2,1]",
		`toPairs({"b": 1, "a": 2})`:                                        `[["a",2],["b",1]]`,
		`fromPairs(toPairs({"a": 2}))`:                                     `{"a":2}`,
		`hasKey({"a": 1}, "a")`:                                            "true",
		`pick({"a": 1, "b": 2}, "a")`:                                      `{"a":1}`,
		`omit({"a": 1, "b": 2}, "a")`:                                      `{"b":2}`,
		`list(1, 2)`:                                                       "[1,2]",
		`toJSON([1])`:                                                      "[\n  1\n]",
		`toJson({"a": "<"}) + mustToJson(1)`:                               `{"a":"<"}1`,
		`toRawJson("é") + mustToRawJson(1)`:                                `"é"1`,
		`toPrettyJson([]) + mustToPrettyJson([])`:                          "[][]",
		`int(fromJSON("1")) + int(fromJson("2")) + int(mustFromJson("3"))`: "6",
		`default("x", "")`:                                                 "x",
		`empty("") and not empty([1])`:                                     "true",
		`coalesce("", "a", "b")`:                                           "a",
		`true | ternary(1, 2)`:                                             "1",
		`abbrev(5, "abcdefgh")`:                                            "ab...",
		`abbrevboth(1, 7, "abcdefghijkl")`:                                 "abcd...",
		`trunc(-2, "abcd")`:                                                "cd",
		`trimAll("$", "$5$")`:                                              "5",
		`title("ab cd") + untitle("AB")`:                                   "Ab CdaB",
		`substr(1, 3, "abcd")`:                                             "bc",
		`nospace("a b") + initials("Ann Bee")`:                             "abAB",
		`swapcase("aB") + snakecase("aB") + camelcase("a_b") + kebabcase("aB")`: "Aba_bABa-b",
		`wrap(3, "ab cd")`:                    "ab\ncd",
		`wrapWith(2, "|", "abcd")`:            "ab|cd",
		`indent(1, "a\nb") + nindent(1, "c")`: " a\n b\n c",
		`quote("a", 1) + squote("b")`:         `"a" "1"'b'`,
		`cat("a", 1)`:                         "a 1",
		`plural("one", "many", 2)`:            "many",
		`splitList(",", "a,b")`:               `["a","b"]`,
		`sortAlpha(["b", "a"])`:               `["a","b"]`,
		`len(sha1sum("")) + len(sha256sum("")) + len(sha512sum(""))`:                          "232",
		`adler32sum("a") + b32enc("a")`:                                                       "6422626ME======",
		`semverCompare("^1.2", "1.3.0")`:                                                      "true",
		`regexMatch("^a", "ab") and mustRegexMatch("b$", "ab")`:                               "true",
		`regexFind("[0-9]+", "a12") + mustRegexFind("a", "a")`:                                "12a",
		`regexFindAll("[0-9]", "a12", -1)`:                                                    `["1","2"]`,
		`mustRegexFindAll("[0-9]", "a12", 1)`:                                                 `["1"]`,
		`regexReplaceAll("(a)", "ab", "${1}x") + mustRegexReplaceAll("a", "a", "b")`:          "axbb",
		`regexReplaceAllLiteral("a", "ab", "$1") + mustRegexReplaceAllLiteral("a", "a", "b")`: "$1bb",
		`regexSplit(",", "a,b", -1)`:                                                          `["a","b"]`,
		`mustRegexSplit(",", "a,b", -1)`:                                                      `["a","b"]`,
		`regexQuoteMeta("a.b")`:                                                               `a\.b`,
		`rest([1, 2]) == mustRest([1, 2])`:                                                    "true",
		`initial([1, 2]) == mustInitial([1, 2])`:                                              "true",
		`append([1], 2)`:                                                                      "[1,2]",
		`push([size("1B")], size("2B"))`:                                                      `["1B","2B"]`,
		`prepend([2], 1)`:                                                                     "[1,2]",
		`compact(["", "a"])`:                                                                  `["a"]`,
		`slice([1, 2, 3], 1, 2)`:                                                              "[2]",
		`chunk(2, [1, 2, 3])`:                                                                 "[[1,2],[3]]",
		`add1(1) + add(1, 2, 3) + sub(3, 1) + mul(2, 3) + div(7, 2) + mod(7, 4)`:              "22",
		`b32dec(b32enc("a"))`:                                                                 "a",
		`urlParse("https://h/p").host ?? "-"`:                                                 "h",
		`add1f(1.5) + maxf(1, 2) + minf(1, 2)`:                                                "5.5",
		`biggest(1, 2)`:                                                                       "2",
		`(mustFirst([1]) ?? 0) + (mustLast([2]) ?? 0)`:                                        "3",
		`mustReverse(mustUniq([1, 1, 2]))`:                                                    "[2,1]",
		`([1, 2] | mustHas(1)) and mustWithout([1], 1) == []`:                                 "true",
		`mustPush([1], 2) == mustAppend([1], 2)`:                                              "true",
		`mustPrepend([1], 2)`:                                                                 "[2,1]",
		`mustCompact([0, 1])`:                                                                 "[1]",
		`mustSlice([1, 2], 1)`:                                                                "[2]",
		`mustChunk(1, [1, 2])`:                                                                "[[1],[2]]",
		`addf(1.5, 1) + subf(3, 1) + mulf(2, 2) + divf(1, 2)`:                                 "9",
	} {
		compiled, problems := Compile(source, NewScope(), value.Of(value.KindAny))
		if len(problems) > 0 {
			t.Errorf("%s: %v", source, problems)
			continue
		}
		got, err := compiled.Evaluate(nil)
		if err != nil || value.Text(got) != want {
			t.Errorf("%s is %s (%v), want %s", source, value.Text(got), err, want)
		}
		for name := range functions {
			if strings.Contains(source, name+"(") {
				called[name] = true
			}
		}
	}
	for name := range functions {
		if !called[name] {
			t.Errorf("%s is never called here", name)
		}
	}
}

// TestLeftOut makes sure that nothing random, and no clock, network, environment or key maker, can be called,
// and that every name of sprig's is either there or left out with a reason.
func TestLeftOut(t *testing.T) {
	for name := range leftOut {
		if isFunction(name) {
			t.Errorf("%s is left out, and there", name)
		}
	}
	known := map[string]bool{"hello": true, "contains": true, "all": true, "any": true}
	for name := range sprigMap() {
		_, left := leftOut[name]
		if !left && !isFunction(name) && !known[name] {
			t.Errorf("sprig's %s is neither there nor left out", name)
		}
	}
}
