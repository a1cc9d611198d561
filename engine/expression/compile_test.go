package expression

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

var (
	anyType  = value.Of(value.KindAny)
	textType = value.Of(value.KindString)
	boolType = value.Of(value.KindBool)
)

func mustCompile(t *testing.T, source string, scope Scope, want value.Type) *Expression {
	t.Helper()
	compiled, problems := Compile(source, scope, want)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", source, problems)
	}
	return compiled
}

// TestGiven is the table of what a step's guard proves for the step.
func TestGiven(t *testing.T) {
	for _, row := range []struct {
		guard, use string
		proved     bool
	}{
		{"steps.current.found", "steps.current.target", true},
		{"steps.current.found == true", "steps.current.target", true},
		{"steps.current.found != false", "steps.current.target", true},
		{"inputs.force and steps.current.found", "steps.current.target", true},
		{"steps.current.target != nil", "steps.current.target", true},
		{"not (steps.current.target == nil)", "steps.current.target", true},
		{"not (inputs.force or steps.current.target == nil)", "steps.current.target", true},
		{`(steps.current.target ?? "") != ""`, "steps.current.target", true},
		{`(steps.current.target ?? "") == "/x"`, "steps.current.target", true},
		{"steps.extra != nil", "steps.extra.path", true},
		{"steps.extra.path != nil", "steps.extra.found", true},
		{"steps.extra.found ?? false", "steps.extra.target", true},
		{"let x = steps.current.target; x != nil", "steps.current.target", true},
		{`"site" in inputs.labels`, "inputs.labels.site", true},
		{"inputs.force ? true : false", "steps.current.target", false},
		{"inputs.force", "steps.current.target", false},
		{"not steps.current.found", "steps.current.target", false},
		{"inputs.force or steps.current.found", "steps.current.target", false},
		{"steps.current.target == nil", "steps.current.target", false},
		{"steps.extra != nil", "steps.extra.target", false},
		{"steps.extra.found ?? true", "steps.extra.target", false},
		{`(steps.current.target ?? "") == ""`, "steps.current.target", false},
		{`(steps.current.target ?? "") != "/x"`, "steps.current.target", false},
		{"any([1], # > 0)", "steps.current.target", false},
	} {
		guard := mustCompile(t, row.guard, testScope(), boolType)
		_, problems := Compile(row.use, testScope().Given(guard), anyType)
		if got := len(problems) == 0; got != row.proved {
			t.Errorf("when %s: %s is proved: %v, want %v (%v)", row.guard, row.use, got, row.proved, problems)
		}
	}
	if _, problems := Compile("steps.current.target", testScope().Given(nil), anyType); len(problems) == 0 {
		t.Error("no guard proves nothing")
	}
}

// TestScopeIsImmutable makes sure that a scope that was handed on does not change.
func TestScopeIsImmutable(t *testing.T) {
	first := NewScope().With("a", textType)
	second := first.With("b", textType).AllowSecrets()
	if difference := cmp.Diff([]string{"a"}, first.Names()); difference != "" {
		t.Error(difference)
	}
	if difference := cmp.Diff([]string{"a", "b"}, second.Names()); difference != "" {
		t.Error(difference)
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string][]Reference{
		"plain":    nil,
		"${{ 1 }}": nil,
		"${{ steps.fw.path }}/${{ steps.fw.path }} ${{ inputs.keep }}": {
			{Path: []string{"steps", "fw", "path"}, From: 4, To: 17},
			{Path: []string{"inputs", "keep"}, From: 46, To: 57},
		},
		"ä${{ inputs.hosts[0] }}":                     {{Path: []string{"inputs", "hosts"}, From: 6, To: 18}},
		`${{ "ä" + steps["fw"].path }}`:               {{Path: []string{"steps", "fw", "path"}, From: 11, To: 27}},
		"${{ let x = steps.fw; x.path }}":             {{Path: []string{"steps", "fw", "path"}, From: 22, To: 28}},
		"${{ map(steps.fw.files, .name) }}":           {{Path: []string{"steps", "fw", "files"}, From: 8, To: 22}},
		`${{ steps.extra.path ?? "" }}`:               {{Path: []string{"steps", "extra", "path"}, From: 4, To: 20}},
		`${{ steps.extra == nil }}`:                   {{Path: []string{"steps", "extra"}, From: 4, To: 15}},
		`${{ result.status ?? result.items ?? nil }}`: nil,
	} {
		template, problems := CompileText(text, testScope(), anyType)
		if len(problems) > 0 {
			if want != nil {
				t.Errorf("%s: %v", text, problems)
			}
			continue
		}
		if difference := cmp.Diff(want, template.References()); difference != "" {
			t.Errorf("%s (-want +got):\n%s", text, difference)
		}
		if constant := len(want) == 0; template.Constant() != constant {
			t.Errorf("%s: constant %v", text, template.Constant())
		}
	}
}

// TestSecrets makes sure that what touches a secret says so, and that no error shows one.
func TestSecrets(t *testing.T) {
	scope := testScope().AllowSecrets()
	for source, secret := range map[string]bool{
		"inputs.token":                       true,
		`"Bearer " + inputs.token`:           true,
		"toJson(inputs)":                     true,
		"len(inputs.token) > 3":              true,
		"inputs":                             true,
		"[inputs.token][0]":                  true,
		"{a: inputs.token}.a":                true,
		"map([inputs.token], upper(#))":      true,
		"let x = inputs.token; x + x":        true,
		"inputs.token == \"a\" ? 1 : 2":      true,
		"inputs.token == nil":                false,
		"inputs.name":                        false,
		`inputs.labels.site ?? "x"`:          false,
		`inputs.labels.site ?? inputs.token`: true,
	} {
		if got := mustCompile(t, source, scope, anyType).Secret(); got != secret {
			t.Errorf("%s: secret %v", source, got)
		}
	}
	for _, source := range []string{"int(inputs.token)", "fromJson(inputs.token)", "[1][len(inputs.token)]", "size(inputs.token)", "fail(inputs.token)"} {
		_, err := mustCompile(t, source, scope, anyType).Evaluate(testNames())
		if err == nil {
			t.Errorf("%s does not fail", source)
			continue
		}
		if strings.Contains(fmt.Sprintf("%+v %v", err, fault.As(err)), "hunter2") || fault.As(err).Code == "" {
			t.Errorf("%s shows the secret: %v", source, err)
		}
	}
	for _, want := range []value.Kind{value.KindInt, value.KindURL, value.KindDuration} {
		template, problems := CompileText("x${{ inputs.token }}", scope, value.Of(want))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if _, err := template.Evaluate(testNames()); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", want, err)
		}
	}
	template, _ := CompileText("Bearer ${{ inputs.token }}", testScope(), value.Of(value.KindSecret))
	got, err := template.Evaluate(testNames())
	if err != nil || got.(value.Secret).Reveal() != "Bearer hunter2" || !template.Secret() {
		t.Errorf("a secret argument is %v, %v", got, err)
	}
}

// TestSecretCannotLeaveByAnotherType makes sure that a secret is not opened for an argument beside the secret
// one.
func TestSecretCannotLeaveByAnotherType(t *testing.T) {
	for _, want := range []value.Type{textType, anyType, boolType, value.ListOf(textType), value.MapOf(anyType)} {
		for _, text := range []string{"${{ inputs.token }}", "${{ [inputs.token] }}", "${{ inputs.token == \"\" }}", "${{ {a: inputs} }}"} {
			if _, problems := CompileText(text, testScope(), want); len(problems) == 0 {
				t.Errorf("%s is accepted as %s", text, want)
			}
		}
	}
}

// TestLyingNames gives values that are not of the types that the scope promised: an error, never a panic.
func TestLyingNames(t *testing.T) {
	for _, names := range []map[string]any{
		nil, {}, {"inputs": nil}, {"inputs": 5}, {"inputs": map[string]any{"keep": "x", "hosts": 5, "name": nil, "labels": []any{}}},
	} {
		for _, source := range []string{"inputs.keep + 1", "inputs.name", "map(inputs.hosts, #)", "upper(inputs.name)", `inputs.labels.a ?? "x" == inputs.name`, "keys(inputs.labels)"} {
			compiled, problems := Compile(source, testScope(), anyType)
			if len(problems) > 0 {
				continue
			}
			if v, err := compiled.Evaluate(names); err == nil {
				t.Errorf("%s of %v is %v", source, names, v)
			}
		}
	}
}

// TestConcurrentEvaluation shares one expression, as parallel branches do; the race detector watches.
func TestConcurrentEvaluation(t *testing.T) {
	compiled := mustCompile(t, "let n = inputs.keep; reduce(1..100, #acc + # * n, 0)", testScope(), anyType)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if v, err := compiled.Evaluate(testNames()); err != nil || v != 10100 {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
	group.Wait()
}

// TestEvaluationKeepsItsInput makes sure that no function changes what it was given.
func TestEvaluationKeepsItsInput(t *testing.T) {
	names := testNames()
	before, _ := json.Marshal(names)
	for _, source := range []string{
		"append(inputs.hosts, inputs.name)", "prepend(inputs.hosts[:1], inputs.name)", "sort(inputs.hosts)", "reverse(inputs.hosts)",
		"sortAlpha(inputs.hosts)", "append(inputs.hosts[:1], inputs.name)", "concat(inputs.hosts[:1], inputs.hosts)", "append(take(inputs.hosts, 1), \"x\")",
		"append(initial(inputs.hosts), \"x\")", "uniq(inputs.hosts)", "omit(inputs.labels, \"site\")", "slice(inputs.hosts, 1)",
	} {
		if _, err := mustCompile(t, source, testScope(), anyType).Evaluate(names); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if after, _ := json.Marshal(names); string(after) != string(before) {
			t.Fatalf("%s changed its input:\n%s\n%s", source, before, after)
		}
	}
}

// TestProblemsAreAllTold makes sure that one mistake does not hide the next, and none is told twice.
func TestProblemsAreAllTold(t *testing.T) {
	_, problems := Compile(`inputs.nme + upper(foo) + (steps.extra.path == "" ? 1 : inputs.keep > "1")`, testScope(), textType)
	var messages []string
	for _, problem := range problems {
		messages = append(messages, problem.Message)
	}
	want := []string{
		`inputs has no "nme" here`, `there is no name "foo" here`, "steps.extra.path may be absent here", "an int cannot be compared with a string",
	}
	if difference := cmp.Diff(want, messages); difference != "" {
		t.Error(difference)
	}
}

// TestBounds makes sure that size, depth, time and memory are bounded: each of these is refused, soon.
func TestBounds(t *testing.T) {
	for name, source := range map[string]string{
		"too long":               strings.Repeat("1+", 10000) + "1",
		"too many parts":         strings.Repeat("1+", 3000) + "1",
		"deep brackets":          strings.Repeat("(", 4000) + "x" + strings.Repeat(")", 4000),
		"deep not":               strings.Repeat("!", 5000) + "true",
		"shared comparisons":     strings.Repeat("1 < (", 40) + "1" + strings.Repeat(") < 2", 40),
		"shared in an argument":  "upper(" + strings.Repeat("1 < (", 40) + "foo" + strings.Repeat(") < 2", 40) + ")",
		"equality in a loop":     "let l = 1..500000; any(1..500000, l != l)",
		"lists of lists":         "let a = map(1..100000, 1); let b = map(1..100000, a); len(b)",
		"a result of many texts": `let s = repeat("x", 100000); map(1..100000, s)`,
		"a loop with a big body": "all(1..1000000, " + strings.Repeat("# > 0 and ", 200) + "true)",
		"a loop in a loop":       "sum(1..10000, sum(1..10000, #))",
		"a text that doubles":    `reduce(1..60, #acc + #acc, "x")`,
		"joined text":            `let s = repeat("x", 10000); join(split(s, ""), s)`,
		"replaced text":          `let s = repeat("x", 10000); regexReplaceAll("", s, s)`,
		"indented text":          `indent(100000, repeat("\n", 100000))`,
	} {
		if compiled, problems := Compile(source, NewScope(), anyType); len(problems) == 0 {
			t.Errorf("%s: accepted as %s", name, compiled.Type())
		}
	}
	// What is only deep, and within the bounds, is accepted.
	for _, source := range []string{
		strings.Repeat("[", 400) + strings.Repeat("]", 400), strings.Repeat("abs(", 200) + "len(1..400000)" + strings.Repeat(")", 200),
	} {
		if _, problems := Compile(source, NewScope(), anyType); len(problems) > 0 {
			t.Error(problems)
		}
	}
}

// FuzzCompile looks for panics, for problems outside of the text, for results of another type than was
// promised, and for words of Go in messages.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"inputs.name", `steps.extra?.path ?? "d"`, "filter(inputs.hosts, # > 'a')", "let x = 1; x + 2", "1..3 | map(# * 2)", "inputs.force ? 1 : 2.5",
		`{"a": [1, nil]}`, "version('1.2') < inputs.version", "result.items[0] ?? 1", "reduce(inputs.hosts, #acc + #)", "groupBy(inputs.hosts, #).a", "not in", "#", "ä.b",
		"wrapWith(0, 'x', 'yz')", "indent(-1, 'a')", "abbrev(-5, 'a')", "substr(3, 1, 'abc')", "chunk(0, [1])", "slice([1], 5)", "1 < 2 < 3", "if true { 1 } else { 2 }", "get([1], 0)",
	} {
		f.Add(seed)
	}
	names := testNames()
	f.Fuzz(func(t *testing.T, source string) {
		compiled, problems := Compile(source, testScope(), anyType)
		for _, problem := range problems {
			if problem.From < 0 || problem.From > problem.To || problem.To > len(source) {
				t.Fatalf("the problem lies outside: %+v", problem)
			}
			if strings.Contains(problem.Message+problem.Hint, "interface {}") || strings.Contains(problem.Message, "reflect") {
				t.Fatalf("words of Go: %+v", problem)
			}
		}
		if len(problems) > 0 {
			return
		}
		result, err := compiled.Evaluate(names)
		if found := fault.As(err); found != nil && found.Class == fault.Errored {
			t.Fatalf("a value of an unexpected kind: %v", err)
		}
		if err == nil {
			if _, err := value.Convert(compiled.Type(), result); err != nil && !strings.Contains(compiled.Type().String(), "nothing") {
				t.Fatalf("%v is no %s: %v", result, compiled.Type(), err)
			}
		}
	})
}

// BenchmarkRecipe compiles the expressions of a recipe of 30.
func BenchmarkRecipe(b *testing.B) {
	sources := []string{
		"${{ inputs.package }}", "${{ steps.fw.path }}/current", `Verify ${{ base(inputs.package) | trimSuffix(".gpg") }}`,
		`${{ steps.extra.path ?? "x" }}`, "${{ inputs.hosts | filter(# > 'a') | join(',') }}", "${{ inputs.keep }}",
	}
	scope := testScope()
	for b.Loop() {
		for range 5 {
			for _, source := range sources {
				if _, problems := CompileText(source, scope, textType); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		}
	}
}
