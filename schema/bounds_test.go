package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

// TestHostileFiles feeds files of a MiB that make a careless reader slow, deep or big. A quadratic one would
// not end within the test's time.
func TestHostileFiles(t *testing.T) {
	const size = 1 << 20
	fill := func(head, unit string) string { return head + strings.Repeat(unit, (size-len(head))/len(unit)) }
	count := func(format string) string {
		var text strings.Builder
		for i := 0; text.Len() < size-40; i++ {
			fmt.Fprintf(&text, format, i)
		}
		return text.String()
	}
	const head = "gwe: 1\nname: sample\nsteps:\n"
	for name, test := range map[string]struct{ source, rule string }{
		"a byte too long":     {strings.Repeat("#", size+1), "too-large"},
		"deep lists":          {fill("", "["), "too-deep"},
		"deep block lists":    {fill("", "- "), "too-deep"},
		"deep keys":           {fill("", "? "), "too-deep"},
		"only comments":       {fill("", "#\n"), "empty-file"},
		"many keys":           {count("k%d:\n"), "too-many-problems"},
		"many keys on a line": {"{" + count("ü%d: ü, ") + "}", "too-many-problems"},
		"the same key":        {fill("", "k:\n"), "too-many-problems"},
		"many steps":          {fill(head, "- {run: {argv: [a]}}\n"), "too-large"},
		"many bad steps":      {fill(head, "- {rum: {argv: [a]}}\n"), "too-many-problems"},
		"many aliases":        {fill("gwe: 1\nname: sample\nvars:\n  a: &a [x,x,x,x,x]\n  b:\n", "  - *a\n"), "too-large"},
		"many documents":      {fill("", "---\n"), "second-document"},
		"many expressions":    {fill(head+"- name: ", "${{(}}"), "one-action"},
		"many blocks of them": {fill(head+"- name: |\n", "   ${{ a }}\n"), "one-action"},
		"a quote over lines":  {fill(`a: "`, "x\n "), "syntax"},
		"a wide long line":    {fill("gwe: 1\nname: sample\nsummary: ", "ü") + "\nstep: 1", "too-large"},
	} {
		t.Run(name, func(t *testing.T) {
			_, diagnostics := schema.Parse("hostile.yaml", []byte(test.source), catalog())
			if len(diagnostics) > 1001 {
				t.Errorf("%d diagnostics", len(diagnostics))
			}
			for _, one := range diagnostics {
				if one.Rule == test.rule {
					return
				}
			}
			t.Errorf("no %s in %v", test.rule, diagnostics[:min(3, len(diagnostics))])
		})
	}
}
