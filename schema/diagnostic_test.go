package schema_test

import (
	"fmt"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

func TestADiagnosticPrintsItselfWhole(t *testing.T) {
	one := schema.Diagnostic{Severity: schema.Error, Rule: "unknown-key", File: "a\x1b.yaml",
		Span: schema.Span{Position: schema.Position{Line: 3, Column: 5}}, Message: `a step has no key "x"`}
	if got, want := fmt.Sprint(one), `a�.yaml:3:5: error: a step has no key "x" (unknown-key)`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	one.Hint = "write y"
	if got, want := fmt.Sprint(one), `a�.yaml:3:5: error: a step has no key "x" (unknown-key); write y`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
