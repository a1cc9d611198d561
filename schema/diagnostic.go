package schema

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says whether a recipe can run in spite of a diagnostic.
type Severity string

const (
	// Error means that the recipe is invalid and nothing of it runs.
	Error Severity = "error"
	// Warning means that the recipe is valid, but hardly does what its author means.
	Warning Severity = "warning"
	// Note means that the recipe is valid, and says what it costs.
	Note Severity = "note"
)

// Diagnostic is one problem of a recipe, at its place. Its JSON form is stable.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// Rule is the stable, kebab-case name of the rule that was broken: "unknown-key".
	Rule string `json:"rule"`
	File string `json:"file"`
	Span
	// Message says what is wrong, in one line without a full stop.
	Message string `json:"message"`
	// Hint says what to write instead; it may be empty.
	Hint string `json:"hint,omitempty"`
}

// String is the diagnostic in one line: "recipe.yaml:3:5: error: unknown key "x" (unknown-key); write y".
func (d Diagnostic) String() string {
	text := fmt.Sprintf("%s:%s: %s: %s (%s)", visible(d.File), d.Position, d.Severity, visible(d.Message), d.Rule)
	if d.Hint != "" {
		text += "; " + visible(d.Hint)
	}
	return text
}

// Diagnostics are the problems of one or more recipes.
type Diagnostics []Diagnostic

// HasErrors reports whether one of them is an error.
func (d Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(d, func(one Diagnostic) bool { return one.Severity == Error })
}

// Strict gives them with every warning made an error. Notes stay notes.
func (d Diagnostics) Strict() Diagnostics {
	strict := slices.Clone(d)
	for i := range strict {
		if strict[i].Severity == Warning {
			strict[i].Severity = Error
		}
	}
	return strict
}

// Sorted gives them by file, position and rule, each one once.
func (d Diagnostics) Sorted() Diagnostics {
	sorted := slices.Clone(d)
	slices.SortStableFunc(sorted, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(sorted)
}
