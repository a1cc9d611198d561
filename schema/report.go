package schema

import (
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
)

// fail reports an error.
func (p *parser) fail(at Span, rule, message, hint string) { p.report(Error, at, rule, message, hint) }

// warn reports what is valid, but hardly meant.
func (p *parser) warn(at Span, rule, message, hint string) {
	p.report(Warning, at, rule, message, hint)
}

func (p *parser) report(severity Severity, at Span, rule, message, hint string) {
	switch count := len(p.diagnostics); {
	case count == maxDiagnostics:
		rule, message, hint = "too-many-problems", fmt.Sprintf("more than %d problems: the rest is not shown", maxDiagnostics), ""
	case count > maxDiagnostics:
		return
	}
	p.diagnostics = append(p.diagnostics, Diagnostic{
		Severity: severity, Rule: rule, File: p.file, Span: at, Message: message, Hint: hint,
	})
}

// fault reports an error of the leaves: its message after the name of what is wrong.
func (p *parser) fault(at Span, rule, what string, err error) {
	hint := ""
	if found := fault.As(err); found != nil {
		hint = found.Hint
	}
	p.fail(at, rule, what+": "+err.Error(), hint)
}

// unknownKey reports a key that a mapping does not have; known are the keys that it has.
func (p *parser) unknownKey(key Scalar, what string, known []string) {
	if len(p.diagnostics) > maxDiagnostics {
		return // suggestions take time
	}
	p.fail(key.Span, "unknown-key", fmt.Sprintf("%s has no key %s", what, quote(key.Text)), suggestion(key.Text, known))
}

// missing reports whether a mapping lacks a key, and has no other one that was meant for it. A mapping of
// more keys than anybody writes is not searched for the latter.
func missing(given Map, key string, known []string) bool {
	if _, there := given.Get(key); there || len(given.Entries) > 100 {
		return !there
	}
	return !given.partial && !slices.ContainsFunc(given.Entries, func(entry Entry) bool {
		return entry.Key.Text == key || !slices.Contains(known, entry.Key.Text) && meant(entry.Key.Text, known) == key
	})
}

// quote shows a text of the recipe in a message, kept short.
func quote(text string) string {
	const longest = 60
	if characters := []rune(text); len(characters) > longest {
		text = string(characters[:longest]) + "..."
	}
	return fmt.Sprintf("%q", text)
}

// describe names a node in the words of people.
func describe(node Node) string {
	switch typed := node.(type) {
	case List:
		return "a list"
	case Map:
		return "a mapping"
	case Scalar:
		switch typed.Kind {
		case Absent:
			return "nothing"
		case Text:
			return "the text " + quote(typed.Text)
		case Bool:
			return "the bool " + typed.Text
		default:
			return "the number " + typed.Text
		}
	}
	return "nothing"
}
