package expression

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	plain := func(source string, from, to int) Part { return Part{Source: source, From: from, To: to} }
	code := func(source string, from, to int) Part {
		return Part{Source: source, From: from, To: to, Expression: true}
	}
	for text, want := range map[string][]Part{
		"":                    nil,
		"plain }} { $":        {plain("plain }} { $", 0, 12)},
		"${{ a }}":            {code(" a ", 0, 8)},
		"x${{a}}y":            {plain("x", 0, 1), code("a", 1, 7), plain("y", 7, 8)},
		"${{a}}${{b}}":        {code("a", 0, 6), code("b", 6, 12)},
		`${{ "}}" }}`:         {code(` "}}" `, 0, 11)},
		`${{ {"a":{"b":1}}}}`: {code(` {"a":{"b":1}}`, 0, 19)},
		"${{ `it's }}` }}'":   {code(" `it's }}` ", 0, 16), plain("'", 16, 17)},
		"${{ a }} it's }}":    {code(" a ", 0, 8), plain(" it's }}", 8, 16)},
		"$${{ a }}":           {plain("${{ a }}", 0, 9)},
		"$$${{ a }}":          {plain("$${{ a }}", 0, 10)},
		"$${{${{a}}":          {plain("${{", 0, 4), code("a", 4, 10)},
		"${{ f( }} ${{ b }}":  {code(" f( ", 0, 9), plain(" ", 9, 10), code(" b ", 10, 18)},
		"ä${{ ö }}ü":          {plain("ä", 0, 2), code(" ö ", 2, 11), plain("ü", 11, 13)},
		"${{\n a\n}}":         {code("\n a\n", 0, 9)},
	} {
		got, problem := Split(text)
		if problem != nil {
			t.Errorf("%q: %v", text, problem)
		}
		if difference := cmp.Diff(want, got); difference != "" {
			t.Errorf("%q (-want +got):\n%s", text, difference)
		}
	}
	for text, from := range map[string]int{"a ${{ b": 2, "${{": 0, "${{ a }} ${{ b }": 9} {
		if _, problem := Split(text); problem == nil || problem.From != from || problem.To != from+3 {
			t.Errorf("%q: %+v, want a problem at %d", text, problem, from)
		}
	}
}

// FuzzSplit looks for panics, and for parts that do not cover the text without a gap.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"${{ a }}", "$${{ a", `x${{ "}}" }}y`, "${{ {'a': {}} }}", "${{${{}}}}", "$$${{'}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, problem := Split(text)
		if problem != nil {
			if problem.From < 0 || problem.To > len(text) || problem.From > problem.To {
				t.Fatalf("the problem lies outside: %+v", problem)
			}
			return
		}
		position := 0
		for _, part := range parts {
			whole := text[part.From:part.To]
			if part.From != position || part.To <= part.From {
				t.Fatalf("a gap at %d: %+v", position, parts)
			}
			if part.Expression && whole != opening+part.Source+closing {
				t.Fatalf("%q is not %q", whole, part.Source)
			}
			if !part.Expression && strings.ReplaceAll(part.Source, opening, "$"+opening) != whole && !strings.Contains(whole, "$"+opening) {
				t.Fatalf("%q is not %q", whole, part.Source)
			}
			position = part.To
		}
		if position != len(text) {
			t.Fatalf("the parts end at %d of %d", position, len(text))
		}
	})
}
