package schema_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/gwe-project/gwe/schema"
)

// FuzzParse: whatever the bytes, Parse returns, and each diagnostic and each scalar has a place in the file.
func FuzzParse(f *testing.F) {
	for _, directory := range []string{"invalid", "valid"} {
		files, _ := filepath.Glob(filepath.Join(corpus, directory, "*.yaml"))
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	known := catalog()
	f.Fuzz(func(t *testing.T, content []byte) {
		recipe, diagnostics := schema.Parse("fuzz.yaml", content, known)
		if recipe == nil && !diagnostics.HasErrors() {
			t.Fatal("no recipe, and no reason")
		}
		lines := splitLines(content)
		for _, one := range diagnostics {
			inside(t, lines, one.Span)
		}
		if err := diagnostics.Render(io.Discard, func(string) []byte { return content }); err != nil {
			t.Fatal(err)
		}
		if recipe == nil {
			return
		}
		for _, variable := range recipe.Vars {
			each(variable.Value, func(scalar schema.Scalar) {
				inside(t, lines, scalar.Span)
				for at := 0; at <= len(scalar.Text); at += 1 + len(scalar.Text)/10 {
					inside(t, lines, scalar.Locate(at, at+2))
				}
			})
		}
	})
}

func splitLines(content []byte) (lines []int) {
	start := 0
	for i, b := range content {
		if b == '\n' {
			lines, start = append(lines, utf8.RuneCount(content[start:i])), i+1
		}
	}
	return append(lines, utf8.RuneCount(content[start:]))
}

// inside fails where a span leaves its line.
func inside(t *testing.T, lines []int, at schema.Span) {
	t.Helper()
	if at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Length < 0 || at.Column-1+at.Length > lines[at.Line-1] {
		t.Fatalf("%+v is outside the file", at)
	}
}

func each(node schema.Node, visit func(schema.Scalar)) {
	switch typed := node.(type) {
	case schema.Scalar:
		visit(typed)
	case schema.List:
		for _, item := range typed.Items {
			each(item, visit)
		}
	case schema.Map:
		for _, entry := range typed.Entries {
			visit(entry.Key)
			each(entry.Value, visit)
		}
	}
}
