package schema_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gwe-project/gwe/schema"
)

// variable parses a recipe whose only variable is written as given.
func variable(t *testing.T, written string) (schema.Scalar, string) {
	t.Helper()
	source := "gwe: 1\nname: sample\nvars:\n  x: " + written + "\nsteps:\n  - read-link: /a\n"
	recipe, diagnostics := schema.Parse("sample.yaml", []byte(source), catalog())
	if len(diagnostics) > 0 {
		t.Fatalf("%s: %v", written, diagnostics)
	}
	return recipe.Vars[0].Value.(schema.Scalar), source
}

// TestLocate finds words of a scalar's text at the place where they stand in the source: each word W1, W2,
// ... stands there once, and in the same letters.
func TestLocate(t *testing.T) {
	for name, written := range map[string]string{
		"plain":                     "W1 and W2",
		"plain over lines":          "W1 and\n    W2 and\n\n\n    W3   and  W4\n     W5",
		"plain with wide letters":   "更新 W1 ü W2 👍 W3",
		"plain after an anchor":     "&anchor   W1 W2",
		"plain behind both":         "!!str &anchor\n    W1 W2",
		"single quotes":             "'W1 it''s W2 '' W3'",
		"single quotes over lines":  "'W1 it''s\n    W2   \n\n   W3'",
		"double quotes":             `"W1 \"W2\" \t W3 \u00fc W4 \x41 W5 \U0001f44d W6 ü W7 \\ W8"`,
		"double quotes over lines":  "\"W1 \\\n     W2 \\n W3\n\n\n  W4   \n  W5\\\n   \\  W6\"",
		"literal":                   "|\n    W1\n      W2\n\n    W3 ü W4\n",
		"literal with chomping":     "|-   # a comment\n    W1\n    W2\n\n",
		"literal with keep":         "|+\n    W1\n    W2\n\n",
		"literal with an indent":    "|4\n        W1\n      W2\n",
		"literal with blank lines":  "|\n\n  \n    W1\n   \n    W2",
		"literal that tabs":         "|\n    W1\tW2\n    \tW3\n",
		"folded":                    ">\n    W1\n    W2\n\n    W3\n\n\n    W4\n",
		"folded with indented part": ">-\n    W1 W2\n    W3\n\n      W4\n      W5\n\n    W6\n    W7\n",
		"folded with an indent":     ">2\n        W1\n      W2\n    W3\n    W4",
		"folded that ends in blank": ">+\n    W1 \n    W2\n\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, ends := range []string{"\n", "\r\n"} {
				scalar, source := variable(t, strings.ReplaceAll(written, "\n", ends))
				found := regexp.MustCompile(`W\d`).FindAllStringIndex(scalar.Text, -1)
				if len(found) != strings.Count(written, "W") {
					t.Fatalf("%d words in %q", len(found), scalar.Text)
				}
				for _, place := range found {
					word := scalar.Text[place[0]:place[1]]
					before, _, _ := strings.Cut(source, word)
					line := strings.Count(before, "\n") + 1
					column := utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]) + 1
					wanted := schema.Span{Position: schema.Position{Line: line, Column: column}, Length: 2}
					if got := scalar.Locate(place[0], place[1]); got != wanted {
						t.Errorf("%s in %q: %+v, wanted %+v", word, scalar.Text, got, wanted)
					}
				}
			}
		})
	}
}

func TestLocateOfEscapesAndEnds(t *testing.T) {
	for _, test := range []struct {
		written  string
		from, to int
		wanted   schema.Span
	}{
		{`"a\u00fcb"`, 1, 3, span(4, 8, 6)},
		{`"a\u00fcb"`, 2, 3, span(4, 8, 6)},
		{`"a\nb"`, 1, 2, span(4, 8, 2)},
		{`'a''b'`, 1, 2, span(4, 8, 2)},
		{`abc`, 3, 3, span(4, 9, 0)},
		{`abc`, 0, 99, span(4, 6, 3)},
		{`abc`, 9, 10, span(4, 6, 3)},
		{`abc`, -1, 2, span(4, 6, 3)},
		{"|\n    abc\n    def\n", 1, 6, span(5, 6, 2)},
		{"abc\n    def", 1, 6, span(4, 7, 2)},
	} {
		scalar, _ := variable(t, test.written)
		if got := scalar.Locate(test.from, test.to); got != test.wanted {
			t.Errorf("%s[%d:%d]: %+v, wanted %+v", test.written, test.from, test.to, got, test.wanted)
		}
	}
	if got := (schema.Scalar{Text: "made", Span: span(1, 2, 3)}).Locate(0, 4); got != span(1, 2, 3) {
		t.Errorf("a scalar of no file is at %+v", got)
	}
}

func span(line, column, length int) schema.Span {
	return schema.Span{Position: schema.Position{Line: line, Column: column}, Length: length}
}
