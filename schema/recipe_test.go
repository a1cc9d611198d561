package schema_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// TestRecipe looks at what Parse makes of a recipe that has every key.
func TestRecipe(t *testing.T) {
	content, err := os.ReadFile(corpus + "/valid/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	recipe, diagnostics := schema.Parse("every-key.yaml", content, catalog())
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	sync := recipe.Steps[2]
	boot, probation := recipe.Steps[4].Action.(schema.Reboot), recipe.Steps[5].Action.(schema.Confirm)
	hands := recipe.Steps[6].Action.(schema.HandOver)
	prune := recipe.Steps[8].Action.(schema.Leaf)
	keep, _ := prune.Arguments.Get("keep")
	for what, pair := range map[string][2]any{
		"name":           {recipe.Name.Text, "every-key_1.0"},
		"summary":        {recipe.Summary.Text, "Every key of the grammar, with a summary over several lines.\n"},
		"inputs":         {[]any{recipe.Inputs[0].Required, recipe.Inputs[1].Default, recipe.Inputs[1].Min, recipe.Inputs[1].Max}, []any{true, 2, 1, 9}},
		"vars":           {recipe.Vars[1].Name.Text, "link"},
		"lock":           {[]any{recipe.Lock[0].Dynamic, recipe.Lock[1].Dynamic}, []any{true, false}},
		"timeout":        {recipe.Timeout.Value, value.DurationOf(time.Hour)},
		"undo-timeout":   {recipe.Defaults.UndoTimeout.Value, value.DurationOf(150 * time.Second)},
		"default retry":  {recipe.Defaults.Retry.Attempts.Value, 2},
		"labels":         {[]any{recipe.Steps[0].Label(), recipe.Steps[3].Label()}, []any{"current", "steps[3]"}},
		"when":           {sync.When.Text, "inputs.keep > 1"},
		"until":          {[]any{sync.Until.Text, sync.Until.Dynamic}, []any{"inputs.keep > 0", true}},
		"retry":          {[]any{sync.Retry.Factor.Value, sync.Retry.Jitter.Value, sync.Retry.When.Text}, []any{2.0, 0.3, "inputs.keep > 2"}},
		"undo":           {[]any{sync.Undo[0].Path, sync.Undo[0].AllowFailure}, []any{"steps[2].undo[0]", true}},
		"undo none":      {recipe.Steps[3].UndoNone != nil, true},
		"stop":           {recipe.Steps[1].Action.(schema.Stop).Text.Text, "nothing to do"},
		"commit":         {recipe.Steps[7].Action.(schema.Commit).Text.Text, "${{ inputs.version }} is in place"},
		"reboot":         {[]any{boot.Within.Value, len(boot.Command.Items), boot.Expect.Dynamic, boot.Await.Text, boot.Attempts.Value}, []any{value.DurationOf(10 * time.Minute), 2, true, "facts.board != nil", 2}},
		"confirm":        {[]any{probation.Within.Value, probation.Boots.Value, probation.For.Value}, []any{value.DurationOf(time.Hour), 3, value.DurationOf(5 * time.Minute)}},
		"hand-over":      {[]any{hands.Program.Text, hands.Within.Value}, []any{"${{ vars.target }}/gwe", value.DurationOf(30 * time.Second)}},
		"leaf":           {[]any{prune.Key.Text, prune.Type.About().Name}, []any{"prune", "prune"}},
		"argument":       {keep.(schema.Scalar).Dynamic, true},
		"failsafe path":  {recipe.Failsafe[0].Path, "failsafe[0]"},
		"finally path":   {recipe.Finally[0].Path, "finally[0]"},
		"outputs":        {recipe.Outputs[1].Name.Text, "kept"},
		"step's place":   {sync.Position.String(), "33:5"},
		"argument's key": {prune.Arguments.Entries[1].Key.Text, "keep"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, wanted %v", what, pair[0], pair[1])
		}
	}
}

// TestScalarArgument: a scalar in place of the mapping becomes the argument that it stands for.
func TestScalarArgument(t *testing.T) {
	recipe, diagnostics := schema.Parse("a.yaml", []byte("gwe: 1\nname: a\nsteps:\n  - read-link: /opt/a\n"), catalog())
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	path, ok := recipe.Steps[0].Action.(schema.Leaf).Arguments.Get("path")
	if !ok || path.(schema.Scalar).Text != "/opt/a" || path.Where() != span(4, 16, 6) {
		t.Errorf("%+v", path)
	}
}

func inputsOf(t *testing.T, written string) []*schema.Input {
	t.Helper()
	recipe, diagnostics := schema.Parse("a.yaml", []byte("gwe: 1\nname: a\ninputs:\n  x: "+written+"\nsteps:\n  - read-link: /a\n"), catalog())
	if len(diagnostics) > 0 {
		t.Fatal(diagnostics)
	}
	return recipe.Inputs
}

func TestInputCheck(t *testing.T) {
	for _, test := range []struct {
		written, given string
		message        string
	}{
		{"{ type: string, required: true, enum: [a, b] }", "a", ""},
		{"{ type: string, required: true, enum: [a, b] }", "c", `the input x: "c" is not one of a, b`},
		{"{ type: version, required: true, enum: ['1.2'] }", "1.2.0", ""},
		{"{ type: version, required: true, min: '1.9' }", "1.10", ""},
		{"{ type: version, required: true, min: '1.9' }", "1.8", `the input x: "1.8" is below 1.9; accepted is a version, 1.9 or more`},
		{"{ type: size, required: true, max: 1KiB }", "1025B", `the input x: "1025B" is above 1KiB; accepted is a size, 1KiB or less`},
		{"{ type: duration, required: true, max: 1m }", "60s", ""},
		{"{ type: int, required: true, min: 3 }", "3", ""},
		{"{ type: int, required: true, max: 9 }", "10", `the input x: "10" is above 9; accepted is an int, 9 or less`},
		{"{ type: float, required: true, min: 0.5 }", "0.4", `the input x: "0.4" is below 0.5; accepted is a float, 0.5 or more`},
		{"{ type: string, required: true, pattern: '^a+$' }", "aab", `the input x: "aab" does not match the pattern ^a+$`},
		{"{ type: secret, required: true, pattern: '^.{8}$' }", "hunter2", `the input x: the value does not match the pattern ^.{8}$`},
		{"{ type: secret, required: true, pattern: '^.{7}$' }", "hunter2", ""},
	} {
		input := inputsOf(t, test.written)[0]
		given, err := value.Parse(input.Type, test.given)
		if err != nil {
			t.Fatal(err)
		}
		message := ""
		if err := input.Check(given); err != nil {
			message = err.Error()
			if fault.As(err) == nil {
				t.Errorf("%s: no fault", test.written)
			}
		}
		if message != test.message {
			t.Errorf("%s given %s: %q, wanted %q", test.written, test.given, message, test.message)
		}
	}
}

func TestDiagnosticsAsJSON(t *testing.T) {
	_, diagnostics := schema.Parse("a.yaml", []byte("gwe: 1\nname: a\nstep:\n"), catalog())
	text, err := json.Marshal(diagnostics)
	if err != nil {
		t.Fatal(err)
	}
	const wanted = `[{"severity":"error","rule":"unknown-key","file":"a.yaml","line":3,"column":1,"length":4,` +
		`"message":"a recipe has no key \"step\"","hint":"did you mean \"steps\"?"}]`
	if string(text) != wanted {
		t.Errorf("%s", text)
	}
}

func TestRender(t *testing.T) {
	at := func(line, column, length int) schema.Diagnostic {
		return schema.Diagnostic{Severity: schema.Error, File: "a.yaml", Span: span(line, column, length), Message: "wrong"}
	}
	long := strings.Repeat("a", 500) + "HERE" + strings.Repeat("b", 500)
	for name, test := range map[string]struct {
		source string
		one    schema.Diagnostic
		wanted string
	}{
		"a tab before":        {"\tab\tcd", at(1, 5, 2), "a.yaml:1:5: wrong\n  |\n1 | \tab\tcd\n  | \t  \t^~\n"},
		"a tab within":        {"a\tb", at(1, 1, 3), "a.yaml:1:1: wrong\n  |\n1 | a\tb\n  | ^~~\n"},
		"wide characters":     {"更新 x", at(1, 1, 2), "a.yaml:1:1: wrong\n  |\n1 | 更新 x\n  | ^~~~\n"},
		"behind wide ones":    {"更新 x", at(1, 4, 1), "a.yaml:1:4: wrong\n  |\n1 | 更新 x\n  |      ^\n"},
		"combining":           {"e\u0301x", at(1, 3, 1), "a.yaml:1:3: wrong\n  |\n1 | e\u0301x\n  |  ^\n"},
		"control characters":  {"a\x1b[2Jb\u202ec", at(1, 9, 0), "a.yaml:1:9: wrong\n  |\n1 | a�[2Jb�c\n  |         ^\n"},
		"no length":           {"a", at(1, 2, 0), "a.yaml:1:2: wrong\n  |\n1 | a\n  |  ^\n"},
		"carriage return":     {"a\r\nb", at(1, 1, 1), "a.yaml:1:1: wrong\n  |\n1 | a\n  | ^\n"},
		"no such line":        {"a", at(7, 1, 1), "a.yaml:7:1: wrong\n"},
		"two digits":          {strings.Repeat("\n", 11) + "x", at(12, 1, 1), "a.yaml:12:1: wrong\n   |\n12 | x\n   | ^\n"},
		"the middle of a lot": {long, at(1, 501, 4), "a.yaml:1:501: wrong\n  |\n1 | …" + long[447:607] + "…\n  | " + strings.Repeat(" ", 54) + "^~~~\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var shown strings.Builder
			if err := (schema.Diagnostics{test.one}).Render(&shown, func(string) []byte { return []byte(test.source) }); err != nil {
				t.Fatal(err)
			}
			if difference := cmp.Diff(test.wanted, shown.String()); difference != "" {
				t.Error(difference)
			}
		})
	}
	var shown strings.Builder
	warning := at(1, 1, 1)
	warning.Severity, warning.Message, warning.Hint = schema.Warning, "odd\n", "think"
	_ = schema.Diagnostics{warning}.Render(&shown, func(string) []byte { return nil })
	if wanted := "a.yaml:1:1: warning: odd�\n  = think\n"; shown.String() != wanted {
		t.Errorf("%q", shown.String())
	}
}
